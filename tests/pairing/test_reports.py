"""An operator opens a search and sees on one page why it ended so."""

from typing import Any

import pytest

from tests.apps import Refused
from tests.nodes import TestNode


async def detail(node: TestNode, pairing_id: str) -> Any:
    return await node.operator.calls("GET", f"/internal/pairings/{pairing_id}")


async def test_every_offer_is_told_with_its_channel_response_and_times(node: TestNode) -> None:
    rina, sari = await node.customer("Rina"), await node.customer("Sari")
    full = await node.mitra("Penuh", capacity=1)
    await rina.pays()
    await full.accepts(await full.is_asked())
    ayu, budi = await node.mitra("Ayu"), await node.mitra("Budi")
    away = await node.hire("Tanpa HP")
    await node.forces("force-mitra-online", mitra_id=str(away))
    await node.hire("Pulang")

    pairing = await sari.pays_and_searches()
    offer = await ayu.is_asked()
    running = await detail(node, pairing["id"])
    assert {o["mitra"]["display_name"]: o["response"] for o in running["offers"]} == {
        "Ayu": "waiting", "Budi": "waiting", "Tanpa HP": "waiting"
    }  # fmt: skip
    await budi.declines(offer)
    await ayu.accepts(offer)

    told = await detail(node, pairing["id"])
    report = told["pairing"]
    assert (report["status"], report["mitra"]["display_name"]) == ("paired", "Ayu")
    assert (report["mitras_notified"], report["mitras_declined"]) == (3, 1)
    assert told["explanation"].startswith("Ayu accepted first.")
    offers = {offer["mitra"]["display_name"]: offer for offer in told["offers"]}
    assert {name: (o["channel"], o["response"]) for name, o in offers.items()} == {
        "Ayu": ("ws", "accepted"),
        "Budi": ("ws", "declined"),
        "Tanpa HP": ("none", "taken"),
    }
    assert all(o["offered_at"] < o["responded_at"] for o in offers.values())
    assert (offers["Ayu"]["seen_at"] is None, offers["Tanpa HP"]["seen_at"]) == (False, None)
    reasons = {one["mitra"]["display_name"]: one["reason"] for one in told["not_offered"]}
    assert reasons["Penuh"] == "at_capacity"
    assert reasons["Pulang"] == "offline"

    mitras = await node.operator.calls("GET", f"/internal/mitras?query={ayu.id}")
    assert (mitras["rows"][0]["offers_today"], mitras["rows"][0]["accepts_today"]) == (1, 1)


async def test_searches_are_listed_newest_first_by_pages_and_filters(node: TestNode) -> None:
    made = []
    for _ in range(3):
        sari = await node.customer()
        made.append(await sari.pays_and_searches())
        await node.forces("force-pairing-timeout")
    cancelled = await node.customer()
    payment = await cancelled.pays()
    await cancelled.app.cancel_search(payment["id"])

    async def listed(query: str) -> Any:
        return await node.operator.calls("GET", f"/internal/pairings?{query}")

    everything = await listed("")
    assert everything["total"] == 4
    assert [row["status"] for row in everything["rows"]] == ["cancelled", *["failed"] * 3]
    page = await listed("limit=2&offset=1&status=failed")
    assert page["total"] == 3
    assert [row["id"] for row in page["rows"]] == [made[1]["id"], made[0]["id"]]
    beyond = await listed("offset=50")
    assert (beyond["rows"], beyond["total"]) == ([], 4)
    assert (await listed("date_from=2030-01-01"))["total"] == 0
    assert (await listed(f"customer_id={cancelled.id}"))["total"] == 1
    assert (await listed("cause_tag=no_mitra_available"))["total"] == 3
    with pytest.raises(Refused, match="422 validation_failed"):
        await listed("status=lost")
    with pytest.raises(Refused, match="404 not_found"):
        await detail(node, cancelled.id)


async def test_a_mitra_whom_no_search_could_reach_is_explained(node: TestNode) -> None:
    sari = await node.customer()
    ayu = await node.mitra("Ayu", online=False)
    order = await sari.app.order("chat_12", targeted_mitra_id=ayu.id)
    payment = await sari.app.confirm(order["id"])
    told = await detail(node, payment["pairing"]["id"])
    assert told["offers"] == []
    (one,) = told["not_offered"]
    assert (one["mitra"]["display_name"], one["reason"]) == ("Ayu", "offline")
    assert told["pairing"]["cause_tag"] == "targeted_mitra_offline"
