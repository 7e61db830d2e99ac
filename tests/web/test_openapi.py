"""The document is written from the same declarations that the routes are enforced by."""

from typing import Any

import pytest

from halobestie.web import HaloApp


@pytest.fixture
async def document(app: HaloApp) -> dict[str, Any]:
    return await (await app.test_client().get("/api/shared/openapi.json")).get_json()


async def test_every_route_is_in_it(app: HaloApp, document: dict[str, Any]) -> None:
    written = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }

    assert document["openapi"].startswith("3.1")
    assert ("POST", "/api/client/orders") in written
    assert ("GET", "/api/client/orders/{order_id}") in written
    assert len(written) == len(app.documented_routes)


async def test_a_route_tells_what_it_takes_and_answers(document: dict[str, Any]) -> None:
    order = document["paths"]["/api/client/orders"]["post"]

    assert order["summary"] == "Order something."
    assert order["description"] == "At length."
    schema = order["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Order"}
    assert order["requestBody"]["required"] is False
    assert order["responses"]["409"]["description"] == "already_active"
    assert "application/problem+json" in order["responses"]["422"]["content"]
    assert document["components"]["schemas"]["Order"]["properties"]["name"]["maxLength"] == 40


async def test_a_route_tells_who_may_call(document: dict[str, Any]) -> None:
    paths = document["paths"]

    assert paths["/healthz"]["get"]["security"] == []
    assert paths["/api/client/me"]["get"]["security"] == [{"bearer": []}]
    assert paths["/api/client/me"]["get"]["x-user-types"] == ["customer"]
    assert paths["/internal/admin-only"]["post"]["x-role"] == "admin"


async def test_arguments_and_query_parameters_are_typed(document: dict[str, Any]) -> None:
    (order_id,) = document["paths"]["/api/client/orders/{order_id}"]["get"]["parameters"]
    rows = document["paths"]["/internal/rows"]["get"]["parameters"]

    assert order_id["schema"] == {"type": "string", "format": "uuid"}
    limit = next(parameter for parameter in rows if parameter["name"] == "limit")
    assert (limit["in"], limit["required"]) == ("query", False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
