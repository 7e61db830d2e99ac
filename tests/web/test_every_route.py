"""The walk over every route that the two listeners serve, whoever wrote it.

A route is either one of the public ones below, or refuses a missing token, a bad token
and every kind of user that it is not for, before it looks at anything else.
"""

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest

from halobestie.callers import Caller
from halobestie.control.app import control_app
from halobestie.errors import Unauthenticated
from halobestie.ids import new_id
from halobestie.public.app import public_app
from halobestie.settings import read_settings
from halobestie.web import HaloApp, Readiness, Route

CALLERS = {
    "customer": Caller(new_id(), "customer", new_id()),
    "mitra": Caller(new_id(), "mitra", new_id()),
    "cc_user": Caller(new_id(), "cc_user", new_id(), "operator"),
}

# What the contract calls public. A new public route is added here by its name.
PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "GET /api/shared/openapi.json",
    "POST /api/shared/auth/anonymous",
    "POST /api/client/auth/otp/request",
    "POST /api/mitra/auth/otp/request",
    "POST /api/client/auth/otp/verify",
    "POST /api/mitra/auth/otp/verify",
    "POST /api/client/auth/google",
    "POST /api/client/auth/apple",
    "POST /api/shared/auth/refresh",
    "GET /api/shared/bestie-availability",
    "GET /api/shared/support-handles",
    "GET /api/shared/app-config",
    "POST /api/shared/payment/webhooks/xendit",
    "POST /internal/auth/login",
    "POST /internal/auth/refresh",
    "GET /internal/metrics",
    "GET /internal/openapi.json",
}
TEST_ROUTES = "/internal/_test/"


def authenticate(token: str) -> Caller:
    if token not in CALLERS:
        raise Unauthenticated
    return CALLERS[token]


def build(name: str) -> HaloApp:
    house = MagicMock()
    house.settings = read_settings({})
    house.accounts.authenticate = authenticate
    house.health.readiness = lambda: Readiness("ready")
    return public_app(house) if name == "public" else control_app(house)


@pytest.fixture(params=["public", "internal"])
def app(request: pytest.FixtureRequest) -> HaloApp:
    return build(request.param)


def routes(app: HaloApp) -> Iterator[tuple[Route, str]]:
    for area in app.areas:
        for route in area.routes:
            path = re.sub(r"<uuid:\w+>", str(uuid4()), route.rule)
            yield route, re.sub(r"<(\w+:)?\w+>", "x", path)


async def ask(app: HaloApp, method: str, path: str, token: str | None) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    client: Any = app.test_client()
    answer = await client.open(path, method=method, headers=headers)
    return answer.status_code, (await answer.get_json())["code"]


async def test_who_may_not_call_is_refused_first(app: HaloApp) -> None:
    walked = 0
    for route, path in routes(app):
        if route.public:
            continue
        walked += 1
        what = f"{route.method} {route.rule}"
        for token in (None, "nonsense"):
            assert await ask(app, route.method, path, token) == (401, "unauthenticated"), what
        for kind in CALLERS.keys() - set(route.users):
            assert await ask(app, route.method, path, kind) == (403, "forbidden"), what
        if route.role == "admin":
            assert await ask(app, route.method, path, "cc_user") == (403, "forbidden"), what
    assert walked > 10


async def test_only_what_the_contract_calls_public_is(app: HaloApp) -> None:
    public = {
        f"{route.method} {route.rule}"
        for route, _ in routes(app)
        if route.public and route.documented and not route.rule.startswith(TEST_ROUTES)
    }

    assert public <= PUBLIC


async def test_users_follow_from_the_prefix(app: HaloApp) -> None:
    expected = {
        "/api/client": {"customer"},
        "/api/mitra": {"mitra"},
        "/api/shared": {"customer", "mitra"},
        "/internal": {"cc_user"},
    }
    for route, _ in routes(app):
        if not route.public:
            (prefix,) = (each for each in expected if route.rule.startswith(each + "/"))
            assert set(route.users) == expected[prefix], route.rule


async def test_the_document_says_the_same(app: HaloApp) -> None:
    path = next(route.rule for route, _ in routes(app) if route.rule.endswith("openapi.json"))
    client: Any = app.test_client()
    document = await (await client.get(path)).get_json()
    written = {
        (method.upper(), re.sub(r"\{(\w+)\}", "x", rule)): operation
        for rule, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    for route, _ in routes(app):
        if route.documented:
            rule = re.sub(r"<(\w+:)?\w+>", "x", route.rule)
            operation = written[route.method, rule]
            assert bool(operation["security"]) is not route.public
            assert operation["summary"], route.rule


async def test_what_is_not_documented_only_reads(app: HaloApp) -> None:
    documented = {route.endpoint for route in app.documented_routes}
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in documented and not rule.websocket:
            assert (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS"}, rule.rule
