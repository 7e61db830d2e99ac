"""A search whose every step may fail, before its commit and after it, still ends once.

The database fails at the first, second, third … call that pairing makes, in each way
there is; people try again, as their apps do. Then everybody must know how it ended.
"""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import pytest
import trio

from halobestie.adapters.postgres import Database
from halobestie.demo.api import Away
from tests.apps import Customer, Mitra, Refused
from tests.conftest import ErrorLog
from tests.nodes import TestNode
from tests.pairing.faults import FAULTS, Saboteur
from tests.pairing.invariants import broken

T = TypeVar("T")
Frame = dict[str, Any]
Story = Callable[[Customer, Mitra, Mitra], Awaitable[None]]


async def insists(call: Callable[[], Awaitable[T]]) -> T:
    """Try until it is answered, as apps do."""
    with trio.fail_after(20):
        while True:
            try:
                return await call()
            except Away:
                await trio.sleep(0.02)


async def searches(sari: Customer) -> Frame:
    payment = await sari.pays("chat_12")
    body = {"payment_request_id": payment["id"]}
    return await insists(lambda: sari.calls("POST", "/api/client/chat-requests", body))


async def accepted(sari: Customer, ayu: Mitra, budi: Mitra) -> None:
    pairing = await searches(sari)
    path = f"/api/mitra/chat-requests/{pairing['id']}/accept"
    session = (await insists(lambda: ayu.calls("POST", path)))["session"]
    paired = await sari.wait_for("paired", payment_request_id=pairing["payment_request_id"])
    assert paired["session"]["id"] == session["id"]
    await ayu.wait_for("session_started")
    await budi.wait_for("chat_request_closed", pairing_id=pairing["id"], reason="taken")
    with pytest.raises(Refused, match="409 already_taken"):
        await insists(lambda: budi.calls("POST", path))
    await insists(sari.ends)
    await sari.parts()
    await ayu.app.skip_closing_message(session["id"])


async def declined(sari: Customer, ayu: Mitra, budi: Mitra) -> None:
    pairing = await searches(sari)
    for mitra in (ayu, budi):
        path = f"/api/mitra/chat-requests/{pairing['id']}/decline"
        await insists(lambda mitra=mitra, path=path: mitra.calls("POST", path))  # type: ignore[misc]
    await sari.wait_for(
        "pairing_failed",
        payment_request_id=pairing["payment_request_id"],
        cause_tag="all_mitras_rejected",
    )
    with suppress(Refused):  # nothing to cancel: the first try was committed
        await sari.app.cancel_search(pairing["payment_request_id"])


async def cancelled(sari: Customer, ayu: Mitra, budi: Mitra) -> None:
    pairing = await searches(sari)
    body = {"payment_request_id": pairing["payment_request_id"]}
    with suppress(Refused):  # nothing to cancel: the first try was committed
        await insists(lambda: sari.calls("POST", "/api/client/chat-requests/cancel", body))
    for mitra in (ayu, budi):
        await mitra.wait_for("chat_request_closed", pairing_id=pairing["id"], reason="cancelled")


@pytest.mark.parametrize("story", [accepted, declined, cancelled], ids=lambda one: one.__name__)
async def test_a_fault_at_any_step_costs_a_moment_and_no_decision(
    node: TestNode, db: Database, expected_errors: ErrorLog, story: Story
) -> None:
    expected_errors.allow("crashed")
    expected_errors.allow("RuntimeError")
    ayu, budi = await node.mitra("Ayu"), await node.mitra("Budi")
    with Saboteur(node, "pairing", "PairingStore") as saboteur:
        for how in FAULTS:
            for step in itertools.count():
                sari = await node.customer("Sari")
                saboteur.fails(step, how)
                with trio.fail_after(30):
                    await story(sari, ayu, budi)
                assert await broken(db, capacity=3) == [], (how, saboteur.calls)
                if not saboteur.has_failed:
                    break  # the story has no such step: all were tried
            assert step >= 4


async def test_a_fault_at_any_step_of_a_presence_leaves_it_as_its_rows_are(
    node: TestNode, expected_errors: ErrorLog
) -> None:
    expected_errors.allow("crashed")
    expected_errors.allow("RuntimeError")
    with Saboteur(node, "presence", "PresenceStore") as saboteur:
        for how in FAULTS:
            ayu = await node.mitra("Ayu", online=False)  # one who crashes too often rests
            for step in itertools.count():
                saboteur.fails(step, how)
                await _a_day(node, ayu)
                if not saboteur.has_failed:
                    break
            assert step >= 3


async def _a_day(node: TestNode, ayu: Mitra) -> None:
    """Online, one customer, offline."""
    sari = await node.customer("Sari")
    await _set_online(ayu, True)
    pairing = await searches(sari)
    path = f"/api/mitra/chat-requests/{pairing['id']}/accept"
    session = (await insists(lambda: ayu.calls("POST", path)))["session"]
    status = await insists(lambda: ayu.calls("POST", "/api/mitra/heartbeat"))
    assert (status["is_online"], status["active_sessions"]) == (True, 1)
    await sari.wait_for("paired")
    await insists(sari.ends)
    await sari.parts()
    await ayu.app.skip_closing_message(session["id"])
    await sari.wait_for("session_completed")
    status = await _set_online(ayu, False)
    assert (status["is_online"], status["active_sessions"]) == (False, 0)
    assert not node.house.board.online


async def _set_online(mitra: Mitra, online: bool) -> Frame:
    body = {"online": online}
    status: Frame = await insists(lambda: mitra.calls("POST", "/api/mitra/status", body))
    return status
