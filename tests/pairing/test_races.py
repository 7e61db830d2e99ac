"""Many at once: exactly one wins, everybody else is told why, and nobody has too many."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
import trio
import trio.testing

from halobestie.adapters.postgres import Database
from halobestie.presence.messages import SetOnline
from tests.apps import Refused
from tests.nodes import TestNode, Visitor
from tests.pairing.invariants import broken, count

Outcomes = Counter[str]


async def at_once(calls: Sequence[Callable[[], Awaitable[object]]]) -> Outcomes:
    """Everybody starts at the same moment: how often each outcome came."""
    outcomes: Outcomes = Counter()
    gate = trio.Event()

    async def one(call: Callable[[], Awaitable[object]]) -> None:
        await gate.wait()
        try:
            await call()
            outcomes["ok"] += 1
        except Refused as refused:
            outcomes[refused.code] += 1

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(one, call)
            await trio.testing.wait_all_tasks_blocked(0.001)
            gate.set()
    return outcomes


async def mitras(node: TestNode, number: int, *, capacity: int | None = None) -> list[Visitor]:
    """Mitras who are online and only call."""
    hired = [await node.hire(f"Mitra {n}", capacity=capacity) for n in range(number)]
    for mitra_id in hired:
        await node.house.mitras.ref(mitra_id).ask(SetOnline(True, "test"))
    return [node.caller(mitra_id, "mitra") for mitra_id in hired]


async def search(node: TestNode) -> tuple[Visitor, dict[str, Any]]:
    """A customer who searches, and their PAYMENT."""
    user = (await node.house.accounts.customers.add_anonymous("Sari")).id
    sari = node.caller(user, "customer")
    order = await sari.calls("POST", "/api/client/payment-requests", {"tier_id": "chat_12"})
    return sari, await sari.calls("POST", f"/api/client/payment-requests/{order['id']}/confirm")


def accept(mitra: Visitor, payment: dict[str, Any]) -> Callable[[], Awaitable[object]]:
    return lambda: mitra.accepts(payment["pairing"]["id"])


async def fifty_accept(node: TestNode, db: Database, rounds: int) -> None:
    fifty = await mitras(node, 50, capacity=50)
    for _ in range(rounds):
        _, payment = await search(node)
        outcomes = await at_once([accept(mitra, payment) for mitra in fifty])
        assert outcomes == {"ok": 1, "already_taken": 49}
    assert await count(db, "select count(*) from chat_sessions") == rounds
    assert await broken(db, capacity=50) == []


async def test_of_fifty_who_accept_at_once_exactly_one_wins(node: TestNode, db: Database) -> None:
    await fifty_accept(node, db, 8)


@pytest.mark.soak
async def test_of_fifty_who_accept_at_once_exactly_one_wins_two_hundred_times(
    node: TestNode, db: Database
) -> None:
    await fifty_accept(node, db, 200)


async def test_ten_accepts_and_a_reroute_never_give_a_mitra_a_third_session(
    node: TestNode, db: Database
) -> None:
    budi, ayu = await mitras(node, 2, capacity=2)
    _, elsewhere = await search(node)
    session = await budi.accepts(elsewhere["pairing"]["id"])
    await node.house.mitras.ref(budi.id).ask(SetOnline(False, "test"))
    searches = [await search(node) for _ in range(10)]

    def reroute() -> Awaitable[object]:
        path = f"/internal/sessions/{session['id']}/reroute"
        return node.operator.calls("POST", path, {"mitra_id": str(ayu.id)})

    accepts = [accept(ayu, payment) for _, payment in searches]
    outcomes = await at_once([*accepts[:5], reroute, *accepts[5:]])
    assert outcomes["ok"] == 2
    assert outcomes["at_capacity"] + outcomes["mitra_unavailable"] == 9
    assert await broken(db, capacity=2) == []
    ayus = "select count(*) from chat_sessions where status = 'active' and mitra_id = $1"
    assert await count(db, ayus, ayu.id) == 2


async def test_an_accept_and_a_cancel_have_one_winner(node: TestNode, db: Database) -> None:
    (ayu,) = await mitras(node, 1, capacity=50)
    for _ in range(15):
        sari, payment = await search(node)
        cancel = {"payment_request_id": payment["id"]}
        outcomes = await at_once(
            [
                accept(ayu, payment),
                lambda sari=sari, cancel=cancel: sari.calls(  # type: ignore[misc]
                    "POST", "/api/client/chat-requests/cancel", cancel
                ),
            ]
        )
        assert outcomes["ok"] == 1
        assert outcomes["request_closed"] + outcomes["nothing_to_cancel"] == 1
    assert await broken(db) == []


async def test_an_accept_and_the_end_of_the_window_have_one_winner(
    node: TestNode, db: Database
) -> None:
    (ayu,) = await mitras(node, 1, capacity=50)
    statuses: Counter[str] = Counter()
    for turn in range(15):
        _, payment = await search(node)
        ended: dict[str, Any] = {}

        async def end(payment: dict[str, Any] = payment, ended: dict[str, Any] = ended) -> None:
            ended.update(
                await node.forces("force-pairing-timeout", payment_request_id=payment["id"])
            )

        calls = [accept(ayu, payment), end]
        outcomes = await at_once(calls if turn % 2 else calls[::-1])
        statuses[ended["status"]] += 1
        assert outcomes["ok"] == (2 if ended["status"] == "paired" else 1)
    assert await broken(db) == []
    sessions = await count(db, "select count(*) from chat_sessions")
    assert sessions == statuses["paired"]


@pytest.mark.parametrize("how", ["offline", "deactivated"])
async def test_an_accept_and_the_mitra_going_have_one_outcome(
    node: TestNode, db: Database, how: str
) -> None:
    for turn in range(8):
        (ayu,) = await mitras(node, 1)
        _, payment = await search(node)

        async def go(ayu_id: UUID = ayu.id) -> None:
            if how == "offline":
                await node.house.mitras.ref(ayu_id).ask(SetOnline(False, "stale"))
            else:
                path = f"/internal/mitras/{ayu_id}"
                await node.operator.calls("PATCH", path, {"is_active": False})

        calls = [accept(ayu, payment), go]
        outcomes = await at_once(calls if turn % 2 else calls[::-1])
        sessions = "select count(*) from chat_sessions where mitra_id = $1"
        won = await count(db, sessions, ayu.id)
        assert outcomes == ({"ok": 2} if won else {"ok": 1, "offline": 1})
        await node.forces("force-pairing-timeout", payment_request_id=payment["id"])
    assert await broken(db) == []


async def test_two_confirmations_and_two_requests_are_one_search(
    node: TestNode, db: Database
) -> None:
    await mitras(node, 1)
    for _ in range(8):
        user = (await node.house.accounts.customers.add_anonymous("Sari")).id
        sari = node.caller(user, "customer")
        order = await sari.calls("POST", "/api/client/payment-requests", {"tier_id": "chat_12"})
        confirm = f"/api/client/payment-requests/{order['id']}/confirm"

        def confirms(sari: Visitor = sari, path: str = confirm) -> Awaitable[object]:
            return sari.calls("POST", path)

        def asks(sari: Visitor = sari, payment_id: str = order["id"]) -> Awaitable[object]:
            body = {"payment_request_id": payment_id}
            return sari.calls("POST", "/api/client/chat-requests", body)

        outcomes = await at_once([confirms, asks, confirms, asks])
        assert outcomes["ok"] + outcomes["payment_not_confirmed"] == 4
        of_payment = "select count(*) from pairings where payment_request_id = $1"
        assert await count(db, of_payment, UUID(order["id"])) == 1
    assert await broken(db) == []


async def test_a_cancel_and_a_retry_leave_no_search_without_money(
    node: TestNode, db: Database
) -> None:
    for _ in range(10):
        sari, payment = await search(node)
        await node.forces("force-pairing-timeout", payment_request_id=payment["id"])
        body = {"payment_request_id": payment["id"]}

        def cancels(sari: Visitor = sari, body: Any = body) -> Awaitable[object]:
            return sari.calls("POST", "/api/client/chat-requests/cancel", body)

        def retries(sari: Visitor = sari, body: Any = body) -> Awaitable[object]:
            return sari.calls("POST", "/api/client/chat-requests", body)

        await at_once([cancels, retries])
        assert await broken(db) == []


async def test_an_account_that_closes_during_a_search_leaves_nothing_running(
    node: TestNode, db: Database
) -> None:
    (ayu,) = await mitras(node, 1, capacity=50)
    for _ in range(8):
        sari, payment = await search(node)

        def closes(sari: Visitor = sari) -> Awaitable[object]:
            return sari.calls("DELETE", "/api/client/account")

        await at_once([accept(ayu, payment), closes])
        unfinished = """select (select count(*) from pairings where status = 'searching')
            + (select count(*) from chat_sessions where status in ('active', 'expired'))
            + (select count(*) from payment_requests where status in ('pending', 'confirmed'))"""
        assert await count(db, unfinished) == 0
    assert await broken(db) == []
