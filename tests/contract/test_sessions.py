"""§8: the life of a session, extensions, closing, history, rating."""

from typing import Any

import pytest

from . import shapes
from .people import Person, Town
from .shapes import fits

SHOWN = {"session": shapes.SESSION}


def path(session: Any, tail: str, role: str = "shared") -> str:
    return f"/api/{role}/chat-sessions/{session['id']}/{tail}"


async def extension_payment(customer: Person, session: Any, tier_id: str = "chat_12") -> Any:
    payment = await customer.pays(tier_id, is_extension=True, session_id=session["id"])
    assert (payment["status"], payment["is_extension"]) == ("confirmed", True)
    assert payment["session_id"] == session["id"]
    return payment


async def asks_for_more(customer: Person, session: Any, payment: Any, **more: Any) -> Any:
    body = {"extension_payment_request_id": payment["id"]}
    return await customer.posts(
        path(session, "extensions", "client"), body, 202, shape=shapes.EXTENSION, **more
    )


async def test_a_new_session_runs(town: Town) -> None:
    customer, mitra, session = await town.chatting(topics=["family"], sensitivity="sensitive")
    assert session["duration_minutes"] == 12
    assert 700 <= session["remaining_seconds"] <= 720
    assert session["sensitivity"] == "sensitive"
    assert session["customer"] == {"id": customer.id, "display_name": "Sari"}
    assert session["mitra"]["id"] == mitra.id
    payment = await customer.payment(session["payment_request_id"])
    assert payment["status"] == "consumed"
    assert payment["session_id"] == session["id"]
    assert payment["consumed_at"]
    active = await customer.gets("/api/client/chat-sessions/active", shape=SHOWN)
    assert active["session"]["id"] == session["id"]
    mine = await mitra.gets("/api/mitra/chat-sessions/active", shape={"sessions": [shapes.SESSION]})
    assert [each["id"] for each in mine["sessions"]] == [session["id"]]


async def test_nobody_has_an_active_session_at_first(town: Town) -> None:
    customer, mitra = await town.customer(), await town.mitra(online=False)
    assert await customer.gets("/api/client/chat-sessions/active") == {"session": None}
    assert await mitra.gets("/api/mitra/chat-sessions/active") == {"sessions": []}


async def test_time_is_up_and_the_customer_ends(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    customers, mitras = await customer.connects(), await mitra.connects()
    await town.expires(session["id"])
    for socket in (customers, mitras):
        await socket.hears("session_expired", session_id=session["id"])
    seen = await customer.session(session["id"])
    assert seen["status"] == "expired"
    assert seen["remaining_seconds"] == 0
    assert seen["decision_deadline"]
    closing = await customer.ends(session["id"])
    assert closing["status"] == "closing"
    assert closing["grace_deadline"]
    for socket in (customers, mitras):
        await socket.hears("session_closing", session_id=session["id"], ended_by="customer")
    await mitra.posts(path(session, "closing-message"), {"content": "terima kasih"}, shape=SHOWN)
    heard = await customers.hears("closing_message", session_id=session["id"])
    assert (heard["sender_type"], heard["content"]) == ("mitra", "terima kasih")
    again = {"content": "again"}
    await mitra.posts(path(session, "closing-message"), again, 409, "closing_message_exists")
    done = await customer.skips(session["id"])
    assert done["status"] == "completed"
    for socket in (customers, mitras):
        await socket.hears("session_completed", session_id=session["id"], reason="closed")
    assert await customer.gets("/api/client/chat-sessions/active") == {"session": None}


async def test_in_expired_the_mitra_may_end_too(town: Town) -> None:
    _, mitra, session = await town.chatting()
    await mitra.posts(path(session, "end"), None, 403, "early_end_disabled")
    mitras = await mitra.connects()
    await town.expires(session["id"])
    await mitras.hears("session_expired")
    assert (await mitra.ends(session["id"]))["status"] == "closing"


async def test_ending_early_needs_the_knob_of_that_side(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    await town.knobs(early_end_customer_enabled=False, early_end_mitra_enabled=True)
    await customer.posts(path(session, "end"), None, 403, "early_end_disabled")
    await mitra.ends(session["id"])


async def test_closing_messages_need_a_closing_session(town: Town) -> None:
    customer, _, session = await town.chatting()
    body = {"content": "bye"}
    await customer.posts(path(session, "closing-message"), body, 409, "session_not_closing")
    await customer.ends(session["id"])
    for bad in ({}, {"content": ""}, {"content": 5}, {"content": "a\0"}):
        await customer.posts(path(session, "closing-message"), bad, 422, "validation_failed")


async def test_ending_again_is_answered_the_same(town: Town) -> None:
    customer, _, session = await town.chatting()
    first = await customer.ends(session["id"])
    answer = await customer.calls("POST", path(session, "end"))
    assert answer.status_code in {200, 409}, answer.text
    assert (await customer.session(session["id"]))["grace_deadline"] == first["grace_deadline"]


async def test_an_extension_is_approved_and_paid(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    customers, mitras = await customer.connects(), await mitra.connects()
    await town.expires(session["id"])
    await customers.hears("session_expired")
    payment = await extension_payment(customer, session)
    extension = await asks_for_more(customer, session, payment)
    assert (extension["status"], extension["duration_minutes"]) == ("pending", 12)
    asked = await mitras.hears("extension_requested", session_id=session["id"])
    assert asked["extension_id"] == extension["id"]
    assert asked["timeout_seconds"] == 10
    seen = await customer.session(session["id"])
    assert seen["status"] == "expired"
    assert seen["extension"]["id"] == extension["id"]
    await customer.posts(
        path(session, "extensions", "client"), {"extension_payment_request_id": payment["id"]}, 409
    )
    accept = path(session, f"extensions/{extension['id']}/accept", "mitra")
    accepted = await mitra.posts(accept, shape=shapes.EXTENSION)
    assert accepted["id"] == extension["id"]
    for socket in (customers, mitras):
        await socket.hears("extension_resolved", extension_id=extension["id"], outcome="approved")
        resumed = await socket.hears("session_resumed", session_id=session["id"])
        assert 700 <= resumed["remaining_seconds"] <= 720
    assert (await customer.payment(payment["id"]))["status"] == "consumed"
    assert (await customer.session(session["id"]))["status"] == "active"
    reject = path(session, f"extensions/{extension['id']}/reject", "mitra")
    await mitra.posts(reject, None, 409, "extension_resolved")


async def test_an_extension_is_rejected_and_can_be_refunded(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    customers, mitras = await customer.connects(), await mitra.connects()
    payment = await extension_payment(customer, session)
    extension = await asks_for_more(customer, session, payment)
    await mitras.hears("extension_requested")
    reject = path(session, f"extensions/{extension['id']}/reject", "mitra")
    await mitra.posts(reject, shape=shapes.EXTENSION)
    await customers.hears("extension_resolved", extension_id=extension["id"], outcome="rejected")
    assert (await customer.session(session["id"]))["status"] == "active"
    assert (await customer.payment(payment["id"]))["status"] == "failed_pairing"
    page = await town.admin.gets("/internal/failed-pairings?cause_tags=extension_rejected")
    assert payment["id"] in {row["payment_request_id"] for row in page["rows"]}


@pytest.mark.parametrize("action", ["auto_approve", "auto_reject"])
async def test_silence_is_decided_by_the_knob(town: Town, action: str) -> None:
    customer, mitra, session = await town.chatting()
    customers, _ = await customer.connects(), await mitra.connects()
    await town.knobs(extension_default_action_on_timeout=action, extension_timeout_seconds=3)
    payment = await extension_payment(customer, session)
    await asks_for_more(customer, session, payment)
    outcome = {"auto_approve": "auto_approved", "auto_reject": "auto_rejected"}[action]
    await customers.hears("extension_resolved", outcome=outcome)
    status = {"auto_approve": "consumed", "auto_reject": "failed_pairing"}[action]
    assert (await customer.payment(payment["id"]))["status"] == status


async def test_ending_rejects_a_pending_extension_first(town: Town) -> None:
    customer, _, session = await town.chatting()
    customers = await customer.connects()
    payment = await extension_payment(customer, session)
    await asks_for_more(customer, session, payment)
    assert (await customer.ends(session["id"]))["status"] == "closing"
    await customers.hears("extension_resolved", session_id=session["id"])
    assert (await customer.payment(payment["id"]))["status"] == "failed_pairing"


async def test_an_extension_needs_a_confirmed_payment_of_this_session(town: Town) -> None:
    customer, _, session = await town.chatting()
    extend = path(session, "extensions", "client")
    pending = await customer.buys("chat_12", is_extension=True, session_id=session["id"])
    for field in ("extension_payment_request_id", "extension_payment_session_id"):
        body = {field: pending["id"]}
        await customer.posts(extend, body, 409, "payment_not_confirmed")
    free = {"tier_id": "free_trial", "is_extension": True, "session_id": session["id"]}
    await customer.posts("/api/client/payment-requests", free, 400, "free_trial_not_allowed")
    await customer.posts(f"/api/client/payment-requests/{pending['id']}/confirm")
    await customer.ends(session["id"])
    await customer.posts(extend, body, 409, "session_not_extendable")


async def completed(town: Town, customer: Person | None = None, mitra: Person | None = None) -> Any:
    customer, mitra, session = await town.chatting(customer, mitra)
    await customer.ends(session["id"])
    body = {"content": "sampai jumpa"}
    await mitra.posts(path(session, "closing-message"), body)
    await customer.skips(session["id"])
    return customer, mitra, session


async def test_a_rating_is_given_once_after_completion(town: Town) -> None:
    customer, _, session = await town.chatting()
    rate = path(session, "rating", "client")
    early = await customer.calls("POST", rate, {"stars": 5})
    assert early.status_code == 409, early.text
    customer, _, session = await completed(town)
    rate = path(session, "rating", "client")
    for stars in (0, 6, "5", 4.5, None):
        await customer.posts(rate, {"stars": stars}, 422, "validation_failed")
    await customer.posts(rate, {"stars": 5, "comment": "baik"})
    assert (await customer.calls("POST", rate, {"stars": 1})).status_code == 409
    rows = (await customer.gets("/api/client/chat-sessions"))["rows"]
    assert rows[0]["rating"] in (5, {"stars": 5, "comment": "baik"})


HISTORY = {
    "id": shapes.uuid,
    "status": shapes.SESSION_STATUS,
    "topics": [shapes.text],
    "sensitivity": shapes.SENSITIVITY,
    "sessions_count": shapes.count,
    "started_at": shapes.time,
    "ended_at": shapes.null(shapes.time),
    "duration_minutes": shapes.integer,
    "rating": shapes.anything,
    "closing_messages": [{"sender_type": {"customer", "mitra"}, "content": shapes.text}],
}
OF_CUSTOMER = {"rows": [{**HISTORY, "mitra": shapes.SESSION["mitra"]}]}
OF_MITRA = {"rows": [{**HISTORY, "customer": {"id": shapes.uuid, "display_name": shapes.text}}]}


async def test_history_is_newest_first_and_counts_completed_sessions(town: Town) -> None:
    customer, mitra, first = await completed(town)
    _, _, second = await completed(town, customer, mitra)
    page = await customer.gets("/api/client/chat-sessions", shape=OF_CUSTOMER)
    assert [row["id"] for row in page["rows"]] == [second["id"], first["id"]]
    assert page["rows"][0]["sessions_count"] == 2
    closing = page["rows"][0]["closing_messages"]
    assert closing == [{"sender_type": "mitra", "content": "sampai jumpa"}]
    assert page["rows"][0]["rating"] is None
    page = await mitra.gets("/api/mitra/chat-sessions", shape=OF_MITRA)
    assert [row["id"] for row in page["rows"]] == [second["id"], first["id"]]
    one = await customer.gets("/api/client/chat-sessions?limit=1", shape=OF_CUSTOMER)
    rest = await customer.gets(f"/api/client/chat-sessions?cursor={one['next_cursor']}")
    assert [row["id"] for row in rest["rows"]] == [first["id"]]
    assert rest["next_cursor"] is None


async def test_a_session_is_shown_with_its_closing_messages(town: Town) -> None:
    customer, _, session = await completed(town)
    answer = await customer.gets(f"/api/shared/chat-sessions/{session['id']}", shape=SHOWN)
    messages = answer.get("closing_messages", answer["session"].get("closing_messages"))
    fits(messages, HISTORY["closing_messages"])
    assert [each["content"] for each in messages] == ["sampai jumpa"]


async def test_a_mitra_sees_no_name_when_the_knob_is_off(town: Town) -> None:
    await town.knobs(mitra_sees_customer_name=False)
    customer, mitra, session = await town.chatting(await town.customer("Rahasia"))
    assert session["customer"]["display_name"] == "Sahabat"
    assert (await mitra.session(session["id"]))["customer"]["display_name"] == "Sahabat"
    assert (await customer.session(session["id"]))["customer"]["display_name"] == "Rahasia"
    socket = await mitra.connects()
    assert "Rahasia" not in str(socket.frames)
    page = await mitra.gets("/api/mitra/chat-sessions")
    assert "Rahasia" not in str(page)
