"""A small app with a route for every way in which an answer can come about."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import trio

from actors import ActorCrashed, MailboxFull, Unavailable
from halobestie.callers import Caller
from halobestie.errors import Conflict, TooMany, Unauthenticated
from halobestie.ids import new_id
from halobestie.web import (
    Area,
    HaloApp,
    Readiness,
    SpanPage,
    client_address,
    make_app,
    maybe_signed_in,
    no_content,
    ok,
    signed_in,
)

CUSTOMER = Caller(new_id(), "customer", new_id())
MITRA = Caller(new_id(), "mitra", new_id())
OPERATOR = Caller(new_id(), "cc_user", new_id(), "operator")
ADMIN = Caller(new_id(), "cc_user", new_id(), "admin")
TOKENS = {"customer": CUSTOMER, "mitra": MITRA, "operator": OPERATOR, "admin": ADMIN}

public = Area("/api/shared")
client = Area("/api/client", users=("customer",))
control = Area("/internal", users=("cc_user",))


class Tier(msgspec.Struct):
    amount: Annotated[int, msgspec.Meta(ge=0)]
    label: str = ""


class Order(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] = "nobody"
    tiers: list[Tier] = []
    count: int = 0


class Loud(msgspec.Struct):
    word: str
    anything: dict[str, object] = {}


FAILURES: dict[str, Exception] = {
    "conflict": Conflict("already_active", "One is running.", session_id="s1"),
    "slow-down": TooMany(12.3),
    "full": MailboxFull(),
    "crashed": ActorCrashed(),
    "away": Unavailable(),
    "bug": RuntimeError("secret-in-the-exception"),
}


@client.post("/orders", answers={201: Order}, refuses=("409 already_active",))
async def order(body: Order) -> Any:
    """Order something.

    At length.
    """
    return ok(body, 201)


@client.post("/words", answers={204: None})
async def say(body: Loud) -> Any:
    """Say a word."""
    return no_content()


@client.get("/me")
async def me() -> Any:
    """Who calls."""
    return ok(signed_in())


@client.get("/orders/<uuid:order_id>")
async def one(order_id: UUID) -> Any:
    """One order."""
    return ok({"id": order_id})


@control.get("/rows")
async def rows(query: SpanPage) -> Any:
    """Rows between two dates."""
    return ok({"limit": query.limit, "since": query.since, "until": query.until})


@control.post("/admin-only", role="admin")
async def admin_only() -> Any:
    """For admins."""
    return no_content()


@public.get("/fails/<how>")
async def fail(how: str) -> Any:
    """Fail in some way."""
    raise FAILURES[how]


@public.get("/fails-in-a-nursery/<how>")
async def fail_inside(how: str) -> Any:
    """Fail in a child task, beside a sibling that waits."""

    async def crash() -> None:
        raise FAILURES[how]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(crash)
    return no_content()


@public.get("/maybe")
async def maybe() -> Any:
    """Whoever calls."""
    return ok({"caller": maybe_signed_in(), "address": client_address()})


def authenticate(token: str) -> Caller:
    if token not in TOKENS:
        raise Unauthenticated
    return TOKENS[token]


def build(ready: str = "ready", trusted_hops: int = 0) -> HaloApp:
    return make_app(
        "test",
        (public, client, control),
        authenticate=authenticate,
        ready=lambda: Readiness(ready, {} if ready == "ready" else {"postgres": "away"}),  # type: ignore[arg-type]
        openapi_path="/api/shared/openapi.json",
        cors_origins=("https://cc.example.org",),
        trusted_hops=trusted_hops,
    )


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}
