"""A node that is killed at any moment of a search loses and doubles nothing.

The node is a process of its own on the test's database. Customers pay and mitras accept
while it is killed and started again; apps try again, as they do. In the end every payment
is a session, once.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio

from actors import Clock
from halobestie.accounts.tokens import AccessTokens
from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.adapters.postgres import Database
from halobestie.callers import Caller
from halobestie.demo.api import Api, Away
from halobestie.demo.own_node import OwnNode, own_node
from halobestie.ids import new_id
from tests.apps import Refused
from tests.nodes import SECRET, Visitor
from tests.pairing.invariants import broken, count

CUSTOMERS = 4
PATIENCE = 30.0


async def _insists(call: Callable[[], Awaitable[Any]]) -> Any:
    while True:
        try:
            return await call()
        except Away:
            await trio.sleep(0.02)


async def _customer(api: Api, done: list[str]) -> None:
    """Pays, and waits for the session that this pays for."""
    answer = await _insists(lambda: api.call("POST", "/api/shared/auth/anonymous", {}, patience=0))
    sari = Visitor(api, answer["user"]["id"], answer["access_token"])
    body = {"tier_id": "chat_12"}
    order = await _insists(lambda: sari.calls("POST", "/api/client/payment-requests", body))
    confirm = f"/api/client/payment-requests/{order['id']}/confirm"
    await _insists(lambda: sari.calls("POST", confirm))
    while True:
        shown = await _insists(lambda: sari.calls("GET", "/api/client/chat-sessions/active"))
        if shown["session"] is not None:
            done.append(shown["session"]["payment_request_id"])
            return
        await trio.sleep(0.02)


async def _mitra(mitra: Visitor) -> None:
    """Stays online and accepts whatever is offered."""
    while True:
        await _insists(lambda: mitra.calls("POST", "/api/mitra/status", {"online": True}))
        offers = await _insists(lambda: mitra.calls("GET", "/api/mitra/chat-requests"))
        for offer in offers["chat_requests"]:
            try:
                await _insists(lambda offer=offer: mitra.accepts(offer["pairing_id"]))  # type: ignore[misc]
            except Refused:
                pass  # the other one was faster
        await trio.sleep(0.01)


async def _kill_and_start(node: OwnNode, after: float) -> None:
    await trio.sleep(after)
    await node.kill()
    await node.start()


async def survives(
    db: Database, database_url: str, valkey_url: str, folder: Path, kills: int, seed: int
) -> None:
    random = Random(seed)
    environ = {
        **os.environ,
        "DATABASE_URL": database_url,
        "VALKEY_URL": valkey_url,
        "AUTH_JWT_SECRET": SECRET,
        "CC_ADMIN_PASSWORD": "not used",
        "DATA_DIR": str(folder),
    }
    mitras = [new_id() for _ in range(2)]

    async def hire(conn: Any) -> None:
        for number, mitra_id in enumerate(mitras):
            await conn.execute(
                """insert into mitras values ($1, 'Mitra', $2, true, 50, now(), now())""",
                mitra_id,
                f"+62811999{number:04d}",
            )

    await db.transaction(hire)
    tokens = AccessTokens(SECRET, Clock())
    async with (
        own_node(folder, environ) as node,
        Api(node.listeners["public"], random) as api,
        trio.open_nursery() as people,
    ):
        for mitra_id in mitras:
            token = tokens.make(Caller(mitra_id, "mitra", new_id()))
            people.start_soon(_mitra, Visitor(api, mitra_id, token))
        for turn in range(kills):
            done: list[str] = []
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as turns:
                    for _ in range(CUSTOMERS):
                        turns.start_soon(_customer, api, done)
                    turns.start_soon(_kill_and_start, node, random.uniform(0.0, 0.12))
            assert len(set(done)) == CUSTOMERS
            assert await broken(db, capacity=50) == [], f"turn {turn}, seed {seed}"
        people.cancel_scope.cancel()
    paid = (
        "select count(*) from payment_requests where status <> 'consumed' and paid_id is not null"
    )
    assert await count(db, paid) == 0
    assert await count(db, "select count(*) from chat_sessions") == CUSTOMERS * kills


@pytest.mark.faults
async def test_a_node_that_is_killed_during_searches_loses_and_doubles_nothing(
    db: Database, database_url: str, valkey_server: EmbeddedValkey, tmp_path: Path
) -> None:
    await survives(db, database_url, valkey_server.url, tmp_path, kills=4, seed=5)
