"""A customer looks for a mitra: who is asked, who wins, and what everybody hears."""

from typing import Any
from uuid import UUID

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.pairing.messages import GetPairing
from halobestie.payments import ledger
from tests.apps import Customer, Refused
from tests.nodes import TestNode, running_node


async def current(customer: Customer) -> Any:
    answer = await customer.calls("GET", "/api/client/chat-requests/current")
    return answer["pairing"]


async def test_a_confirmed_payment_starts_its_search_and_the_first_accept_wins(
    node: TestNode,
) -> None:
    sari, ayu, budi = await node.customer("Sari"), await node.mitra("Ayu"), await node.mitra("Budi")

    payment = await sari.pays()
    offer = await ayu.is_asked()
    assert (await budi.is_asked())["pairing_id"] == offer["pairing_id"]
    assert offer["customer"] == {"display_name": "Sari"}
    assert 0 < offer["expires_in_seconds"] <= 300

    session = await ayu.accepts(offer)
    paired = await sari.wait_for("paired", payment_request_id=payment["id"])
    assert paired["session"]["id"] == session["id"]
    await ayu.wait_for("session_started")
    await budi.wait_for("chat_request_closed", pairing_id=offer["pairing_id"], reason="taken")
    await sari.wait_for("payment_status", payment_request_id=payment["id"], status="consumed")
    with pytest.raises(Refused, match="409 already_taken"):
        await budi.accepts(offer)
    assert (await ayu.accepts(offer))["id"] == session["id"]  # said twice
    assert await current(sari) is None


async def test_a_mitra_who_comes_online_or_has_a_slot_again_is_asked_while_the_search_runs(
    node: TestNode,
) -> None:
    rina, sari = await node.customer("Rina"), await node.customer("Sari")
    ayu = await node.mitra("Ayu", capacity=1)
    first = await rina.pays_and_searches()
    session = await ayu.accepts(await ayu.is_asked())

    pairing = await sari.pays_and_searches()
    assert (first["mitras_notified"], pairing["mitras_notified"]) == (1, 0)
    late = await node.mitra("Late")
    assert (await late.is_asked())["pairing_id"] == pairing["id"]

    await node.forces("force-session-time", session_id=session["id"], remaining_seconds=0)
    await rina.wait_for("session_expired")
    await rina.ends()
    assert (await ayu.is_asked())["pairing_id"] == pairing["id"]


async def test_when_everybody_declines_the_search_is_over_at_once_and_may_be_repeated(
    node: TestNode,
) -> None:
    sari, ayu = await node.customer("Sari"), await node.mitra("Ayu")
    payment = await sari.pays()
    offer = await ayu.is_asked()
    await ayu.declines(offer)
    failed = await sari.wait_for("pairing_failed")
    assert (failed["cause_tag"], failed["is_terminal"]) == ("all_mitras_rejected", False)
    await ayu.declines(offer)  # said twice
    await ayu.wait_for("chat_request_closed", reason="declined")

    again = await sari.app.search_again(payment["id"])
    assert again["id"] != offer["pairing_id"]
    await ayu.accepts(await ayu.is_asked())
    await sari.gets_paired()


@pytest.mark.parametrize("order", [("offline", "decline"), ("decline", "offline")])
async def test_who_has_gone_offline_does_not_keep_a_search_alive_that_the_others_declined(
    node: TestNode, order: tuple[str, str]
) -> None:
    sari, ayu, budi = await node.customer(), await node.mitra("Ayu"), await node.mitra("Budi")
    await sari.pays()
    offer = await ayu.is_asked()
    await budi.is_asked()
    for what in order:
        if what == "decline":
            await budi.declines(offer)
            await budi.wait_for("chat_request_closed", reason="declined")
        else:
            await ayu.goes_offline()
            await ayu.wait_for("chat_request_closed", reason="offline")
    await sari.wait_for("pairing_failed", cause_tag="all_mitras_rejected")
    with pytest.raises(Refused, match="409 request_closed"):
        await budi.accepts(offer)


async def test_a_search_without_mitras_waits_for_its_window(node: TestNode) -> None:
    sari = await node.customer()
    pairing = await sari.pays_and_searches()
    assert pairing["status"] == "searching"
    ended = await node.forces("force-pairing-timeout")
    assert (ended["status"], ended["cause_tag"]) == ("failed", "no_mitra_available")
    await sari.wait_for("pairing_failed", cause_tag="no_mitra_available", is_terminal=False)


async def test_the_window_ends_by_itself(node: TestNode) -> None:
    await node.turns(pairing_blast_timeout_seconds=5)
    sari = await node.customer()
    ayu = await node.mitra("Ayu")
    await sari.pays()
    offer = await ayu.is_asked()
    await sari.wait_for("pairing_failed", cause_tag="no_mitra_available")
    await ayu.wait_for("chat_request_closed", reason="expired")
    with pytest.raises(Refused, match="409 request_closed"):
        await ayu.accepts(offer)


async def test_a_cancelled_search_ends_for_good(node: TestNode) -> None:
    sari, ayu = await node.customer(), await node.mitra()
    payment = await sari.pays()
    offer = await ayu.is_asked()
    await sari.app.cancel_search(payment["id"])
    await ayu.wait_for("chat_request_closed", reason="cancelled")
    await sari.wait_for("payment_status", status="failed_pairing")
    for call in (sari.app.cancel_search, sari.app.search_again):
        with pytest.raises(Refused, match=r"409 (nothing_to_cancel|payment_not_confirmed)"):
            await call(payment["id"])
    with pytest.raises(Refused, match="409 request_closed"):
        await ayu.accepts(offer)


async def test_a_customer_may_give_up_after_a_search_that_failed(node: TestNode) -> None:
    sari = await node.customer()
    payment = await sari.pays()
    await node.forces("force-pairing-timeout", payment_request_id=payment["id"])
    cancelled = await sari.calls(
        "POST", "/api/client/chat-requests/cancel", {"payment_session_id": payment["id"]}
    )
    assert (cancelled["status"], cancelled["is_terminal"]) == ("cancelled", True)
    shown = await sari.calls("GET", f"/api/client/payment-requests/{payment['id']}")
    assert shown["status"] == "failed_pairing"
    assert shown["pairing"]["cause_tag"] == "customer_cancelled"


async def test_starting_a_search_that_runs_answers_the_running_one(node: TestNode) -> None:
    sari, ayu = await node.customer(), await node.mitra()
    payment = await sari.pays()
    await ayu.is_asked()
    first = await sari.app.search_again(payment["id"])
    fallback = await sari.calls(
        "POST", f"/api/client/chat-requests/{payment['id']}/fallback-to-blast"
    )
    assert fallback["id"] == first["id"]
    assert len(ayu.heard("chat_request")) == 1


async def test_nothing_of_a_search_is_shown_to_a_stranger(node: TestNode) -> None:
    sari, rina, ayu = await node.customer("Sari"), await node.customer("Rina"), await node.mitra()
    payment = await sari.pays()
    offer = await ayu.is_asked()
    budi = await node.mitra("Budi", online=False)
    for path, body in (
        ("chat-requests", {"payment_request_id": payment["id"]}),
        ("chat-requests/cancel", {"payment_request_id": payment["id"]}),
        (f"chat-requests/{payment['id']}/fallback-to-blast", None),
    ):
        with pytest.raises(Refused, match="404 not_found"):
            await rina.calls("POST", f"/api/client/{path}", body)
    for verb in ("accept", "decline"):
        with pytest.raises(Refused, match="404 not_found"):
            await budi.calls("POST", f"/api/mitra/chat-requests/{offer['pairing_id']}/{verb}")
    with pytest.raises(Refused, match="400 payment_request_id_required"):
        await rina.calls("POST", "/api/client/chat-requests", {})


async def test_a_payment_confirmed_during_a_search_waits_until_it_is_used(node: TestNode) -> None:
    sari = await node.customer()
    first = await sari.pays("chat_12")
    second = await sari.pays("chat_30")
    assert (second["status"], second["pairing"]) == ("confirmed", None)
    with pytest.raises(Refused, match="409 already_pairing"):
        await sari.app.search_again(second["id"])
    await sari.app.cancel_search(first["id"])
    # No node that starts now takes it for one whose search was lost.
    assert await node.house.searches.unstarted(node.house.clock.now()) == []
    assert (await sari.app.search_again(second["id"]))["status"] == "searching"


async def test_a_payment_confirmed_by_a_node_that_is_lost_is_searched_for_by_the_next(
    node: TestNode, database_url: str, valkey_server: EmbeddedValkey
) -> None:
    sari = await node.customer()
    order = await sari.app.order("chat_12")
    at = node.house.clock.now()

    async def confirm(conn: Any) -> Any:  # and nothing after the commit
        return await ledger.confirm(conn, UUID(order["id"]), at)

    await node.house.payments._db.transaction(confirm)
    async with running_node(database_url, valkey_server.url) as after:
        view = await after.house.pairings.ref(UUID(order["id"])).ask(GetPairing())
    assert view is not None
    assert view.status == "searching"


async def test_customers_hear_of_a_change_of_availability(node: TestNode) -> None:
    sari = await node.customer()
    await sari.wait_for("mitra_availability", available=False, count=0)
    ayu = await node.mitra("Ayu")
    await sari.wait_for("mitra_availability", available=True)
    await ayu.goes_offline()
    await sari.wait_for("mitra_availability", available=False)


async def test_availability_is_answered_without_a_query(node: TestNode) -> None:
    sari, _ = await node.customer(), await node.mitra("Ayu")
    statistics = node.house.statistics["database"]
    before = statistics()["calls"]
    for _ in range(20):
        answer = await sari.calls("GET", "/api/client/mitra-availability")
        assert answer == {"available": True, "count": 1}
        assert await node.public.call("GET", "/api/shared/bestie-availability") == {
            "available": True
        }
    # The health watch looks once a second; twenty calls of two would be forty.
    assert statistics()["calls"] - before < 10
