"""OpenAPI 3.1, written from the routes' own declarations."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from halobestie.web.routes import Route

_ARGUMENT = re.compile(r"<(?:(?P<converter>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_TYPES: dict[str, dict[str, str]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer"},
}
_REF = "#/components/schemas/{name}"
_COMMON_REFUSALS = ("429 rate_limited", "503 overloaded", "503 unavailable", "500 internal_error")


class ProblemBody(msgspec.Struct, rename={"kind": "type"}):
    """RFC 9457, with the stable `code` and members of its own for some codes."""

    kind: str
    title: str
    status: int
    code: str
    detail: str


def openapi_document(title: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The document of one listener."""
    schemas, components = _schemas(routes)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        path = _ARGUMENT.sub(r"{\g<name>}", route.rule)
        paths[path][route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _schemas(routes: Iterable[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    kinds: list[Any] = [ProblemBody]
    for route in routes:
        wanted = [route.body, route.query, *route.answers.values()]
        kinds.extend(kind for kind in wanted if kind is not None and kind not in kinds)
    found, components = msgspec.json.schema_components(
        kinds, schema_hook=_anything, ref_template=_REF
    )
    return dict(zip(kinds, found, strict=True)), components


def _anything(kind: type) -> dict[str, Any]:
    """`object` in a declaration means: whatever JSON can hold."""
    if kind is object:
        return {"description": "Any JSON value."}  # an empty schema counts as none
    raise NotImplementedError


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.rule}").strip("_"),
        "security": [] if route.public else [{"bearer": []}],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route, schemas),
    }
    if route.description:
        operation["description"] = route.description
    if route.users:
        operation["x-user-types"] = list(route.users)
    if route.role is not None:
        operation["x-role"] = route.role
    if route.body is not None:
        required = any(field.required for field in msgspec.structs.fields(route.body))
        operation["requestBody"] = {
            "required": required,
            "content": {"application/json": {"schema": schemas[route.body]}},
        }
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": found["name"],
            "in": "path",
            "required": True,
            "schema": _TYPES.get(found["converter"] or "", {"type": "string"}),
        }
        for found in _ARGUMENT.finditer(route.rule)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    (_,), components = msgspec.json.schema_components([route.query], ref_template=_REF)
    schema = components[route.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "schema": description,
        }
        for name, description in schema["properties"].items()
    ]


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in route.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            content = {"application/json": {"schema": schemas[kind]}}
            responses[str(status)]["content"] = content
    problem = {"application/problem+json": {"schema": schemas[ProblemBody]}}
    for refusal, codes in _refusals(route).items():
        if refusal not in responses:
            responses[refusal] = {"description": " · ".join(codes), "content": problem}
    return responses


def _refusals(route: Route) -> dict[str, list[str]]:
    expected: list[str] = []
    if route.users:
        expected += ["401 unauthenticated", "401 token_expired", "403 forbidden"]
    if _ARGUMENT.search(route.rule):
        expected.append("404 not_found")
    if route.body is not None:
        expected += ["400 invalid_json", "413 payload_too_large", "415 unsupported_media_type"]
    if route.body is not None or route.query is not None:
        expected.append("422 validation_failed")
    codes: dict[str, list[str]] = defaultdict(list)
    for refusal in (*expected, *route.refuses, *_COMMON_REFUSALS):
        status, _, code = refusal.partition(" ")
        if code not in codes[status]:
            codes[status].append(code)
    return codes
