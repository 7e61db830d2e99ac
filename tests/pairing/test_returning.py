"""Curhat lagi: a customer wants one mitra, and falls back to everybody."""

from typing import Any

import pytest

from halobestie.ids import new_id
from tests.apps import Customer, Mitra, Refused
from tests.nodes import TestNode


async def asks_for(customer: Customer, mitra: Mitra) -> Any:
    """The PAYMENT that names a mitra, confirmed."""
    order = await customer.app.order("chat_12", targeted_mitra_id=mitra.id)
    return await customer.app.confirm(order["id"])


async def test_only_the_mitra_who_is_wanted_is_asked(node: TestNode) -> None:
    sari, ayu, budi = await node.customer(), await node.mitra("Ayu"), await node.mitra("Budi")
    payment = await asks_for(sari, ayu)
    assert payment["pairing"]["request_type"] == "returning"
    offer = await ayu.is_asked()
    assert offer["request_type"] == "returning"
    assert offer["expires_in_seconds"] <= 20
    with pytest.raises(Refused, match="404 not_found"):
        await budi.accepts(offer)
    await ayu.accepts(offer)
    await sari.gets_paired()
    assert not budi.heard("chat_request")


async def test_a_decline_is_told_and_everybody_may_be_asked_instead(node: TestNode) -> None:
    sari, ayu, budi = await node.customer(), await node.mitra("Ayu"), await node.mitra("Budi")
    payment = await asks_for(sari, ayu)
    offer = await ayu.is_asked()
    running = await sari.calls(
        "POST", f"/api/client/chat-requests/{payment['id']}/fallback-to-blast"
    )
    assert running["id"] == offer["pairing_id"]  # Ayu can still answer

    await ayu.declines(offer)
    rejected = await sari.wait_for("returning_chat_rejected")
    assert (rejected["mitra_id"], rejected["fallback_available"]) == (ayu.id, True)
    await sari.wait_for("pairing_failed", cause_tag="targeted_mitra_rejected", is_terminal=False)

    blast = await sari.calls("POST", f"/api/client/chat-requests/{payment['id']}/fallback-to-blast")
    assert (blast["request_type"], blast["mitras_notified"]) == ("blast", 2)
    await budi.accepts(await budi.is_asked())
    await sari.gets_paired()


async def test_a_mitra_who_does_not_answer_is_a_timeout(node: TestNode) -> None:
    sari, ayu = await node.customer(), await node.mitra("Ayu")
    payment = await asks_for(sari, ayu)
    await ayu.is_asked()
    await node.forces("force-pairing-timeout", payment_request_id=payment["id"])
    await sari.wait_for("returning_chat_timeout", mitra_id=ayu.id, fallback_available=True)
    await sari.wait_for("pairing_failed", cause_tag="targeted_mitra_timeout")


@pytest.mark.parametrize("why", ["offline", "full"])
async def test_a_mitra_who_cannot_come_is_refused_at_once(node: TestNode, why: str) -> None:
    sari, rina = await node.customer("Sari"), await node.customer("Rina")
    ayu = await node.mitra("Ayu", capacity=1)
    if why == "offline":
        await ayu.goes_offline()
    else:
        await rina.pays()
        await ayu.accepts(await ayu.is_asked())
    payment = await asks_for(sari, ayu)
    assert payment["pairing"]["cause_tag"] == "targeted_mitra_offline"
    await sari.wait_for("pairing_failed", cause_tag="targeted_mitra_offline", is_terminal=False)

    with pytest.raises(Refused, match="409 targeted_mitra_offline") as refused:
        await sari.calls(
            "POST",
            "/api/client/chat-requests/returning",
            {"payment_request_id": payment["id"], "mitra_id": ayu.id},
        )
    assert refused.value.problem["reason"] == "targeted_mitra_offline"


async def test_the_mitra_who_goes_offline_while_asked_ends_the_search(node: TestNode) -> None:
    sari, ayu = await node.customer(), await node.mitra("Ayu")
    await asks_for(sari, ayu)
    await ayu.is_asked()
    await ayu.goes_offline()
    await sari.wait_for("pairing_failed", cause_tag="targeted_mitra_offline")


async def test_a_mitra_who_does_not_exist_is_not_found(node: TestNode) -> None:
    sari = await node.customer()
    payment = await sari.pays()
    await node.forces("force-pairing-timeout", payment_request_id=payment["id"])
    with pytest.raises(Refused, match="404 not_found"):
        await sari.calls(
            "POST",
            "/api/client/chat-requests/returning",
            {"payment_request_id": payment["id"], "mitra_id": str(new_id())},
        )
