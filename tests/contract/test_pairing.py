"""§6, the second half, and §7: the search, and what mitras do about it."""

from typing import Any

import trio

from . import shapes
from .people import Person, Town, answers
from .shapes import fits

REQUESTS = "/api/client/chat-requests"
NO_ID = "00000000-0000-7000-8000-000000000000"


async def test_a_blast_is_offered_to_all_and_the_first_accept_wins(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    mitras = [await town.mitra(name) for name in ("Ayu", "Budi", "Citra")]
    sockets = [await mitra.connects() for mitra in mitras]
    customers = await customer.connects()
    payment = await customer.pays(topics=["family"], sensitivity="sensitive")
    offers = [await socket.hears("chat_request") for socket in sockets]
    for offer in offers:
        assert offer["request_type"] == "blast"
        assert offer["customer"]["display_name"] == "Sari"
        assert (offer["duration_minutes"], offer["topics"]) == (12, ["family"])
        assert offer["is_free_trial"] is False
    pairing = await town.pairing_of(customer, payment["id"])
    assert pairing["mitras_notified"] == 3
    open_ones = await mitras[0].gets(
        "/api/mitra/chat-requests", shape={"chat_requests": [shapes.OFFER]}
    )
    # Among them: searches of customers before this one may still be running.
    assert pairing["id"] in [offer["pairing_id"] for offer in open_ones["chat_requests"]]
    outcomes: list[Any] = []

    async def accept(mitra: Person) -> None:
        outcomes.append(
            await mitra.calls("POST", f"/api/mitra/chat-requests/{pairing['id']}/accept")
        )

    async with trio.open_nursery() as nursery:
        for mitra in mitras:
            nursery.start_soon(accept, mitra)
    assert sorted(outcome.status_code for outcome in outcomes) == [200, 409, 409]
    won = next(outcome for outcome in outcomes if outcome.status_code == 200)
    session = fits(won.json(), {"session": shapes.SESSION})["session"]
    for outcome in outcomes:
        if outcome is not won:
            assert answers(outcome, 409)["code"] in {"already_taken", "request_closed"}
    paired = await customers.hears("paired", payment_request_id=payment["id"])
    assert paired["session"]["id"] == session["id"]
    for mitra, socket in zip(mitras, sockets, strict=True):
        if mitra.id == session["mitra"]["id"]:
            await socket.hears("session_started")
            repeated = await mitra.accepts(pairing["id"])
            assert repeated["id"] == session["id"]
        else:
            await socket.hears("chat_request_closed", pairing_id=pairing["id"], reason="taken")
    done = (await customer.payment(payment["id"]))["pairing"]
    assert (done["status"], done["session_id"]) == ("paired", session["id"])


async def test_the_winners_other_sockets_are_told(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra = await town.customer(), await town.mitra()
    first, second = await mitra.connects(), await mitra.connects()
    await customer.pays()
    offer = await first.hears("chat_request")
    await second.hears("chat_request")
    await mitra.accepts(offer["pairing_id"])
    await second.hears("chat_request_closed", reason="accepted_elsewhere")
    for socket in (first, second):
        await socket.hears("session_started")


async def test_who_comes_online_while_a_blast_runs_is_offered_it(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra = await town.customer(), await town.mitra(online=False)
    socket = await mitra.connects()
    payment = await customer.pays()
    await mitra.goes(online=True)
    pairing = await town.pairing_of(customer, payment["id"])
    await socket.hears("chat_request", pairing_id=pairing["id"])
    await socket.hears("presence", is_online=True, reason="manual")
    hello = (await mitra.connects()).heard("hello")[0]
    assert pairing["id"] in [each["pairing_id"] for each in hello["chat_requests"]]
    hello = (await customer.connects()).heard("hello")[0]
    assert hello["pairing"]["id"] == pairing["id"]


async def test_all_decline_and_the_payment_can_be_used_again(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra = await town.customer(), await town.mitra()
    socket, customers = await mitra.connects(), await customer.connects()
    payment = await customer.pays()
    offer = await socket.hears("chat_request")
    decline = f"/api/mitra/chat-requests/{offer['pairing_id']}/decline"
    await mitra.posts(decline)
    await mitra.posts(decline)
    failed = await customers.hears("pairing_failed", payment_request_id=payment["id"])
    assert (failed["cause_tag"], failed["is_terminal"]) == ("all_mitras_rejected", False)
    assert (await customer.payment(payment["id"]))["status"] == "confirmed"
    body = {"payment_request_id": payment["id"]}
    again = await customer.posts(REQUESTS, body, 202, shape=shapes.PAIRING)
    same = await customer.posts(REQUESTS, body, 202, shape=shapes.PAIRING)
    assert (again["id"], again["status"]) == (same["id"], "searching")


async def test_nobody_accepts_in_the_window(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    customers = await customer.connects()
    payment = await customer.pays()
    await town.pairing_of(customer, payment["id"])
    body = {"payment_request_id": payment["id"]}
    forced = await town.outsider.posts("/internal/_test/force-pairing-timeout", body)
    assert fits(forced, shapes.PAIRING)["payment_request_id"] == payment["id"]
    failed = await customers.hears("pairing_failed", payment_request_id=payment["id"])
    assert (failed["cause_tag"], failed["is_terminal"]) == ("no_mitra_available", False)
    assert (await customer.gets(f"{REQUESTS}/current"))["pairing"] is None
    pairing = (await customer.payment(payment["id"]))["pairing"]
    assert (pairing["status"], pairing["cause_tag"]) == ("failed", "no_mitra_available")
    assert pairing["is_terminal"] is False


async def test_a_search_is_cancelled(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra = await town.customer(), await town.mitra()
    customers, mitras = await customer.connects(), await mitra.connects()
    payment = await customer.pays()
    offer = await mitras.hears("chat_request")
    body = {"payment_request_id": payment["id"]}
    cancelled = await customer.posts(f"{REQUESTS}/cancel", body, shape=shapes.PAIRING)
    assert cancelled["status"] == "cancelled"
    await mitras.hears("chat_request_closed", pairing_id=offer["pairing_id"], reason="cancelled")
    await customers.hears("payment_status", status="failed_pairing")
    assert (await customer.payment(payment["id"]))["status"] == "failed_pairing"
    answers(await customer.calls("POST", f"{REQUESTS}/cancel", body), 409)
    await customer.posts(REQUESTS, body, 409, "payment_not_confirmed")
    accept = f"/api/mitra/chat-requests/{offer['pairing_id']}/accept"
    await mitra.posts(accept, None, 409, "request_closed")
    page = await town.admin.gets("/internal/failed-pairings?cause_tags=customer_cancelled")
    row = next(row for row in page["rows"] if row["payment_request_id"] == payment["id"])
    assert row["is_terminal"] is True


async def test_a_search_needs_a_confirmed_payment_and_its_id(town: Town) -> None:
    customer = await town.customer()
    pending = await customer.buys()
    body = {"payment_request_id": pending["id"]}
    for path in ("/api/client/chat-requests", "/api/client/chat/request"):
        await customer.posts(path, body, 409, "payment_not_confirmed")
        answers(await customer.calls("POST", path, {}), 400)
    returning = {**body, "mitra_id": (await town.mitra()).id}
    await customer.posts(f"{REQUESTS}/returning", returning, 409, "payment_not_confirmed")


async def test_one_search_at_a_time(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    first = await customer.pays()
    second = await customer.buys("chat_30")
    path = f"/api/client/payment-requests/{second['id']}/confirm"
    confirmed = await customer.posts(path, shape=shapes.PAYMENT)
    assert (confirmed["status"], confirmed["pairing"]) == ("confirmed", None)
    body = {"payment_request_id": second["id"]}
    await customer.posts(REQUESTS, body, 409, "already_pairing")
    mitra = await town.mitra()
    pairing = await town.pairing_of(customer, first["id"])
    await mitra.accepts(pairing["id"])
    await customer.posts(REQUESTS, body, 409, "already_active")


async def test_a_named_mitra_is_asked_alone_and_may_refuse(town: Town) -> None:
    customer, mitra, other = await town.customer(), await town.mitra(), await town.mitra()
    customers, sockets, others = (
        await customer.connects(),
        await mitra.connects(),
        await other.connects(),
    )
    payment = await customer.pays(targeted_mitra_id=mitra.id)
    offer = await sockets.hears("chat_request", request_type="returning")
    assert 0 < offer["expires_in_seconds"] <= 20
    await mitra.posts(f"/api/mitra/chat-requests/{offer['pairing_id']}/decline")
    told = await customers.hears("returning_chat_rejected", mitra_id=mitra.id)
    assert told["payment_request_id"] == payment["id"]
    failed = await customers.hears("pairing_failed", payment_request_id=payment["id"])
    assert (failed["cause_tag"], failed["is_terminal"]) == ("targeted_mitra_rejected", False)
    await others.pings()
    assert not others.heard("chat_request")
    path = f"{REQUESTS}/{payment['id']}/fallback-to-blast"
    pairing = await customer.posts(path, None, 202, shape=shapes.PAIRING)
    assert (pairing["request_type"], pairing["status"]) == ("blast", "searching")
    await others.hears("chat_request", pairing_id=pairing["id"])
    session = await other.accepts(pairing["id"])
    assert session["payment_request_id"] == payment["id"]


async def test_a_named_mitra_who_is_silent_is_waited_for_no_longer(town: Town) -> None:
    customer, mitra = await town.customer(), await town.mitra()
    customers, sockets = await customer.connects(), await mitra.connects()
    payment = await customer.pays(targeted_mitra_id=mitra.id)
    offer = await sockets.hears("chat_request", request_type="returning")
    await town.outsider.posts(
        "/internal/_test/force-pairing-timeout", {"payment_request_id": payment["id"]}
    )
    await customers.hears("returning_chat_timeout", mitra_id=mitra.id)
    await customers.hears("pairing_failed", cause_tag="targeted_mitra_timeout")
    await sockets.hears("chat_request_closed", pairing_id=offer["pairing_id"], reason="expired")
    again = {"payment_request_id": payment["id"], "mitra_id": mitra.id}
    pairing = await customer.posts(f"{REQUESTS}/returning", again, 202, shape=shapes.PAIRING)
    assert pairing["request_type"] == "returning"
    await sockets.hears("chat_request", pairing_id=pairing["id"])


async def test_a_named_mitra_who_is_offline_or_full_is_said_to_be(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra = await town.customer(), await town.mitra(online=False)
    customers = await customer.connects()
    payment = await customer.pays(targeted_mitra_id=mitra.id)
    failed = await customers.hears("pairing_failed", payment_request_id=payment["id"])
    assert failed["cause_tag"] == "targeted_mitra_offline"
    body = {"payment_request_id": payment["id"], "mitra_id": mitra.id}
    problem = await customer.posts(f"{REQUESTS}/returning", body, 409, "targeted_mitra_offline")
    assert problem["reason"] == "targeted_mitra_offline"
    await mitra.goes(online=True)
    path = f"/internal/mitras/{mitra.id}"
    await town.admin.patches(path, {"capacity_override": 1})
    await town.chatting(mitra=mitra)
    await customer.posts(f"{REQUESTS}/returning", body, 409, "targeted_mitra_offline")


async def test_a_mitra_is_never_over_capacity(town: Town) -> None:
    await town.sends_everybody_home()
    mitra = await town.mitra()
    await town.admin.patches(f"/internal/mitras/{mitra.id}", {"capacity_override": 1})
    customers = [await town.customer() for _ in range(2)]
    socket = await mitra.connects()
    for customer in customers:
        await customer.pays()
    offers = [await socket.hears("chat_request") for _ in customers]
    await mitra.accepts(offers[0]["pairing_id"])
    accept = f"/api/mitra/chat-requests/{offers[1]['pairing_id']}/accept"
    answer = await mitra.calls("POST", accept)
    assert answers(answer, 409)["code"] in {"at_capacity", "request_closed"}
    status = await mitra.gets("/api/mitra/status", shape=shapes.MITRA_STATUS)
    assert (status["active_sessions"], status["capacity"]) == (1, 1)


async def test_a_mitra_who_is_offline_accepts_nothing(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra, other = await town.customer(), await town.mitra(), await town.mitra()
    socket = await mitra.connects()
    await customer.pays()
    offer = await socket.hears("chat_request")
    await mitra.goes(online=False)
    await socket.hears("chat_request_closed", pairing_id=offer["pairing_id"], reason="offline")
    accept = f"/api/mitra/chat-requests/{offer['pairing_id']}/accept"
    answers(await mitra.calls("POST", accept), 409, "offline")
    assert other.id


async def test_a_foreign_offer_is_not_found(town: Town) -> None:
    customer, mitra, other = await town.customer(), await town.mitra(), await town.mitra()
    payment = await customer.pays(targeted_mitra_id=mitra.id)
    pairing = await town.pairing_of(customer, payment["id"])
    for pairing_id in (pairing["id"], NO_ID):
        for what in ("accept", "decline"):
            path = f"/api/mitra/chat-requests/{pairing_id}/{what}"
            await other.posts(path, None, 404, "not_found")


async def test_a_mitra_goes_online_beats_and_goes_offline(town: Town) -> None:
    mitra = await town.mitra(online=False)
    status = await mitra.gets("/api/mitra/status", shape=shapes.MITRA_STATUS)
    assert status["is_online"] is False
    assert (status["capacity"], status["stale_after_seconds"]) == (3, 90)
    await mitra.posts("/api/mitra/heartbeat", None, 409, "offline")
    online = await mitra.goes(online=True)
    assert online["is_online"] is True
    assert online["since"]
    beat = await mitra.posts("/api/mitra/heartbeat", shape=shapes.MITRA_STATUS)
    assert beat["last_heartbeat_at"] >= online["since"]
    assert (await mitra.goes(online=False))["is_online"] is False
    for bad in ({}, {"online": "yes"}, {"online": None}):
        await mitra.posts("/api/mitra/status", bad, 422, "validation_failed")
    page = await town.admin.gets(f"/internal/mitra-online-logs?mitra_id={mitra.id}")
    assert [(row["is_online"], row["reason"]) for row in page["rows"]] == [
        (False, "manual"),
        (True, "manual"),
    ]
