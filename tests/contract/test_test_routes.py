"""§10: the routes that tests use."""

from typing import Any

from . import shapes
from .people import Town, answers
from .shapes import fits

TEST = "/internal/_test"
NO_ID = "00000000-0000-7000-8000-000000000000"
SIDE = {"connected": shapes.boolean, "sockets": shapes.count}
SENT = {"message_id": shapes.uuid, "seq": shapes.count, "delivered_via": {"ws", "fcm", "none"}}


async def posts(town: Town, name: str, body: Any = None, status: int = 200, **more: Any) -> Any:
    return await town.outsider.posts(f"{TEST}/{name}", body, status, **more)


async def test_connections_of_a_session_are_counted(town: Town) -> None:
    customer, _, session = await town.chatting()
    path = f"{TEST}/ws-connection-state?session_id={session['id']}"
    state = await town.outsider.gets(path, shape={"customer": SIDE, "mitra": SIDE})
    assert state["customer"] == {"connected": False, "sockets": 0}
    await customer.connects()
    await customer.connects()
    state = await town.outsider.gets(path)
    assert state["customer"] == {"connected": True, "sockets": 2}
    assert state["mitra"] == {"connected": False, "sockets": 0}
    missing = f"{TEST}/ws-connection-state?session_id={NO_ID}"
    await town.outsider.gets(missing, 404, "not_found")


async def test_messages_are_sent_for_either_side(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    customers = await customer.connects()
    body = {"session_id": session["id"], "content": "hai"}
    first = await posts(town, "send-chat-message-as-mitra", body, shape=SENT)
    assert (first["seq"], first["delivered_via"]) == (1, "ws")
    heard = await customers.hears("message", content="hai")
    assert (heard["id"], heard["sender_id"]) == (first["message_id"], mitra.id)
    second = await posts(town, "send-chat-message-as-customer", body, shape=SENT)
    assert (second["seq"], second["delivered_via"]) == (2, "none")
    device = {"fcm_token": f"phone-of-{mitra.id}", "platform": "android"}
    answers(await mitra.calls("PUT", "/api/shared/devices", device), 204)
    third = await posts(town, "send-chat-message-as-customer", body, shape=SENT)
    assert third["delivered_via"] == "fcm"


async def test_a_push_is_recorded_as_it_would_be_sent_and_neutral(town: Town) -> None:
    _, mitra, session = await town.chatting()
    device = {"fcm_token": f"phone-of-{mitra.id}", "platform": "android"}
    answers(await mitra.calls("PUT", "/api/shared/devices", device), 204)
    body = {"session_id": session["id"], "content": "isi rahasia"}
    await posts(town, "send-chat-message-as-customer", body)
    sent = await posts(
        town,
        "send-fcm-chat-message",
        {"session_id": session["id"], "to": "mitra"},
        shape={"attempted": shapes.count, "recorded": shapes.count},
    )
    assert sent["recorded"] >= 1
    pushes = await town.outsider.gets(f"{TEST}/pushes?user_id={mitra.id}")
    text = str(pushes)
    assert session["id"] in text
    assert "chat_message" in text
    assert "halobestie_chat_v2" in text
    assert "isi rahasia" not in text


async def test_a_payment_is_confirmed_by_force(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    payment = await customer.buys()
    town.paid.append((customer, payment["id"]))
    by_customer = {"customer_id": customer.id}
    confirmed = await posts(town, "force-confirm-payment", by_customer, shape=shapes.PAYMENT)
    assert (confirmed["id"], confirmed["status"]) == (payment["id"], "confirmed")
    by_id = {"payment_request_id": payment["id"]}
    again = await posts(town, "force-confirm-payment", by_id, shape=shapes.PAYMENT)
    assert again["id"] == payment["id"]
    missing = {"payment_request_id": NO_ID}
    await posts(town, "force-confirm-payment", missing, 404, code="not_found")


async def test_the_latest_search_is_accepted(town: Town) -> None:
    await town.sends_everybody_home()
    customer, mitra = await town.customer(), await town.mitra()
    payment = await customer.pays()
    await town.pairing_of(customer, payment["id"])
    session = await posts(town, "accept-latest-pending", {"mitra_id": mitra.id})
    fits(session.get("session", session), shapes.SESSION)
    active = await customer.gets("/api/client/chat-sessions/active")
    assert active["session"]["payment_request_id"] == payment["id"]


async def test_the_sessions_time_is_moved(town: Town) -> None:
    customer, _, session = await town.chatting()
    await town.expires(session["id"], 30)
    assert 25 <= (await customer.session(session["id"]))["remaining_seconds"] <= 30
    body = {"session_id": NO_ID, "remaining_seconds": 0}
    await posts(town, "force-session-time", body, 404, code="not_found")


async def test_mitras_are_put_on_and_offline(town: Town) -> None:
    first, second = await town.mitra(), await town.mitra(online=False)

    async def online() -> tuple[bool, bool]:
        one, two = [await m.gets("/api/mitra/status") for m in (first, second)]
        return one["is_online"], two["is_online"]

    await posts(town, "force-mitra-offline", {"mitra_id": first.id})
    assert await online() == (False, False)
    await posts(town, "force-mitra-online", {"mitra_id": second.id})
    assert await online() == (False, True)
    await posts(town, "force-mitra-offline", {"mitra_id": second.id})
    await posts(town, "force-other-mitras-online", {"except_mitra_id": first.id})
    assert await online() == (False, True)
    await posts(town, "reset-all-mitras-online")
    assert await online() == (True, True)
    page = await town.admin.gets(f"/internal/mitra-online-logs?mitra_id={second.id}")
    assert "test" in {row["reason"] for row in page["rows"]}
    await town.sends_everybody_home()
    await posts(town, "force-mitra-online", {"mitra_id": NO_ID}, 404, code="not_found")


async def test_a_completed_session_is_made(town: Town) -> None:
    customer, mitra = await town.customer(), await town.mitra(online=False)
    body = {"customer_id": customer.id, "mitra_id": mitra.id}
    made = await town.outsider.calls("POST", f"{TEST}/seed-history-session", body)
    assert made.status_code in {200, 201}, made.text
    assert made.json()["mitra_name"] == "Bestie Ayu"
    page = await customer.gets("/api/client/chat-sessions")
    assert [row["status"] for row in page["rows"]] == ["completed"]
    assert page["rows"][0]["sessions_count"] == 1


async def test_a_phone_is_reset_with_everything_that_belongs_to_it(town: Town) -> None:
    phone = town.phone()
    customer, _, session = await town.chatting(await town.registered(phone))
    await posts(town, "reset-phone", {"phone": phone})
    await customer.gets("/api/shared/auth/me", 401)
    await town.admin.gets(f"/internal/customers/{customer.id}", 404, "not_found")
    await town.admin.gets(f"/internal/sessions/{session['id']}", 404, "not_found")
    again = await town.registered(phone)
    assert again.id != customer.id


async def test_a_crashed_actor_is_restarted_and_forgets_nothing(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    mitras = await mitra.connects()
    path = f"/api/shared/chat-sessions/{session['id']}/messages"
    await customer.posts(path, {"client_message_id": "1", "content": "before"}, 201)
    crashed = {"path": f"sessions/session:{session['id']}"}
    await posts(town, "crash-actor", crashed, 202)
    await customer.posts(path, {"client_message_id": "2", "content": "after"}, 201)
    heard = await mitras.hears("message", content="after")
    assert heard["seq"] == 2
    await posts(town, "crash-actor", {"path": "nowhere"}, 404, code="not_found")
