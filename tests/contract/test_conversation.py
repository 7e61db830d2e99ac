"""§4, the frames of a chat: messages, receipts, typing, resume, ticks."""

from typing import Any

import pytest

from . import shapes
from .people import Person, Socket, Town, answers
from .shapes import fits

SENT = {
    **shapes.FRAMES["message_status"],
    "client_message_id": shapes.text,
    "id": shapes.uuid,
    "seq": shapes.count,
    "created_at": shapes.time,
}


def message(session: Any, client_message_id: str, content: str = "halo") -> Any:
    return {
        "type": "message",
        "session_id": session["id"],
        "client_message_id": client_message_id,
        "content": content,
    }


async def says(socket: Socket, session: Any, client_message_id: str, content: str = "halo") -> Any:
    frame = message(session, client_message_id, content)
    answer = await socket.asks(frame, "message_status", client_message_id=client_message_id)
    return fits(answer, SENT)


async def both(town: Town) -> tuple[Person, Person, Any, Socket, Socket]:
    customer, mitra, session = await town.chatting()
    return customer, mitra, session, await customer.connects(), await mitra.connects()


async def test_a_message_reaches_the_other_party_and_the_senders_other_sockets(town: Town) -> None:
    customer, mitra, session, customers, mitras = await both(town)
    other = await customer.connects()
    status = await says(customers, session, "c1", "halo 😀")
    assert (status["status"], status["seq"]) == ("sent", 1)
    for socket in (mitras, other):
        heard = await socket.hears("message", client_message_id="c1")
        assert heard["content"] == "halo 😀"
        assert (heard["id"], heard["seq"]) == (status["id"], 1)
        assert (heard["sender_type"], heard["sender_id"]) == ("customer", customer.id)
    await customers.pings()
    assert not customers.heard("message")
    back = await says(mitras, session, "c1", "hai")
    assert back["seq"] == 2
    heard = await customers.hears("message", client_message_id="c1")
    assert (heard["sender_type"], heard["sender_id"]) == ("mitra", mitra.id)


async def test_the_same_message_again_is_answered_the_same_and_stored_once(town: Town) -> None:
    customer, _, session, customers, mitras = await both(town)
    first = await says(customers, session, "c1", "once")
    again = await says(customers, session, "c1", "once")
    assert first == again
    await says(customers, session, "c2")
    await mitras.hears("message", client_message_id="c2")
    assert len(mitras.heard("message", client_message_id="c1")) == 1
    await customer.ends(session["id"])
    assert await says(customers, session, "c1", "once") == first
    history = await customer.gets(f"/api/shared/chat-sessions/{session['id']}/messages")
    assert [each["seq"] for each in history["messages"]] == [1, 2]


async def test_longest_message_and_id_are_taken(town: Town) -> None:
    _, _, session, customers, mitras = await both(town)
    await says(customers, session, "i" * 64, "😀" * 4000)
    assert (await mitras.hears("message"))["content"] == "😀" * 4000


async def test_receipts_are_cumulative_and_told_to_the_sender(town: Town) -> None:
    customer, mitra, session, customers, mitras = await both(town)
    for number in range(3):
        await says(customers, session, f"c{number}")
    assert (await mitra.session(session["id"]))["unread_count"] == 3
    await mitras.sends({"type": "delivered", "session_id": session["id"], "up_to_seq": 2})
    await customers.hears("message_status", status="delivered", up_to_seq=2)
    assert (await customer.session(session["id"]))["peer_delivered_seq"] == 2
    await mitras.sends({"type": "read", "session_id": session["id"], "up_to_seq": 3})
    await customers.hears("message_status", status="read", up_to_seq=3)
    seen = await customer.session(session["id"])
    assert (seen["peer_delivered_seq"], seen["peer_read_seq"]) == (3, 3)
    assert (await mitra.session(session["id"]))["unread_count"] == 0
    history = await customer.gets(f"/api/shared/chat-sessions/{session['id']}/messages")
    assert {each["status"] for each in history["messages"]} == {"read"}


async def test_receipts_by_http_do_the_same(town: Town) -> None:
    _, mitra, session, customers, _ = await both(town)
    await says(customers, session, "c1")
    path = f"/api/shared/chat-sessions/{session['id']}/receipts"
    answers(await mitra.calls("POST", path, {"delivered_up_to_seq": 1}), 204)
    await customers.hears("message_status", status="delivered", up_to_seq=1)
    answers(await mitra.calls("POST", path, {"read_up_to_seq": 1}), 204)
    await customers.hears("message_status", status="read", up_to_seq=1)
    await mitra.posts(path, {"read_up_to_seq": "x"}, 422, "validation_failed")


async def test_typing_is_forwarded_and_not_stored(town: Town) -> None:
    _, _, session, customers, mitras = await both(town)
    await customers.sends({"type": "typing", "session_id": session["id"], "is_typing": True})
    await mitras.hears("typing", session_id=session["id"], is_typing=True)
    await mitras.sends({"type": "typing", "session_id": session["id"], "is_typing": False})
    await customers.hears("typing", session_id=session["id"], is_typing=False)
    again = await (await town.customer()).connects()
    assert not again.heard("typing")


async def test_a_resume_sends_everything_again_in_order(town: Town) -> None:
    customer, _, session, customers, mitras = await both(town)
    for number in range(5):
        await says((customers, mitras)[number % 2], session, f"c{number}")
    later = await customer.connects()
    await later.sends({"type": "resume", "session_id": session["id"], "after_seq": 2})
    resumed = await later.hears("resumed", session_id=session["id"])
    assert resumed["last_seq"] == 5
    assert [frame["seq"] for frame in later.heard("message")] == [3, 4, 5]
    for frame in later.heard("message"):
        fits(frame, shapes.MESSAGE)
    await later.sends({"type": "resume", "session_id": session["id"], "after_seq": 5})
    await later.hears("resumed", session_id=session["id"], last_seq=5)
    assert len(later.heard("message")) == 3


async def test_a_resume_works_after_the_end(town: Town) -> None:
    customer, mitra, session, customers, _ = await both(town)
    await says(customers, session, "c1")
    await customer.ends(session["id"])
    await customer.skips(session["id"])
    await mitra.skips(session["id"])
    later = await mitra.connects()
    await later.sends({"type": "resume", "session_id": session["id"], "after_seq": 0})
    await later.hears("resumed", last_seq=1)
    assert len(later.heard("message")) == 1


async def test_hello_shows_the_session_and_a_tick_follows(town: Town) -> None:
    customer, mitra, session, customers, _ = await both(town)
    await says(customers, session, "c1")
    for person in (customer, mitra):
        socket = await person.connects()
        hello = socket.heard("hello")[0]
        mine = next(each for each in hello["sessions"] if each["id"] == session["id"])
        assert mine["last_seq"] == 1
        assert mine["unread_count"] == (1 if person is mitra else 0)
        tick = await socket.hears("session_tick", session_id=session["id"])
        assert 0 < tick["remaining_seconds"] <= 12 * 60


async def test_a_moved_end_is_told_by_a_tick_and_the_last_minute_by_a_warning(town: Town) -> None:
    _, _, session, customers, mitras = await both(town)
    await town.expires(session["id"], 300)
    for socket in (customers, mitras):
        while (await socket.hears("session_tick"))["remaining_seconds"] > 300:
            pass
    await town.expires(session["id"], 59)
    for socket in (customers, mitras):
        warning = await socket.hears("session_warning", session_id=session["id"])
        assert 55 <= warning["remaining_seconds"] <= 60


async def test_http_messages_are_the_same_messages(town: Town) -> None:
    customer, _, session, customers, mitras = await both(town)
    path = f"/api/shared/chat-sessions/{session['id']}/messages"
    body = {"client_message_id": "h1", "content": "by http"}
    first = await customer.posts(path, body, 201, shape=shapes.MESSAGE)
    again = await customer.posts(path, body, 200, shape=shapes.MESSAGE)
    assert first["id"] == again["id"]
    assert (await mitras.hears("message", client_message_id="h1"))["id"] == first["id"]
    assert (await says(customers, session, "h1", "by http"))["id"] == first["id"]
    for bad, field in (
        ({"client_message_id": "", "content": "x"}, "client_message_id"),
        ({"client_message_id": "x", "content": ""}, "content"),
        ({"client_message_id": "x", "content": "x" * 4001}, "content"),
        ({"client_message_id": "x", "content": "a\0"}, "content"),
        ({"client_message_id": "x"}, "content"),
    ):
        problem = await customer.posts(path, bad, 422, "validation_failed")
        assert problem["errors"][0]["field"] == field
    await customer.ends(session["id"])
    await customer.posts(path, {**body, "client_message_id": "h2"}, 409, "session_not_active")
    await customer.posts(path, body, 200)


async def test_history_pages_both_ways(town: Town) -> None:
    customer, _, session, customers, _ = await both(town)
    for number in range(6):
        await says(customers, session, f"c{number}")
    path = f"/api/shared/chat-sessions/{session['id']}/messages"

    async def page(query: str) -> tuple[list[int], bool]:
        shape = {
            "messages": [{**shapes.MESSAGE, "status": {"sent", "delivered", "read"}}],
            "has_more": shapes.boolean,
        }
        answer = await customer.gets(f"{path}?{query}", shape=shape)
        return [each["seq"] for each in answer["messages"]], answer["has_more"]

    assert await page("") == ([1, 2, 3, 4, 5, 6], False)
    assert await page("after_seq=2&limit=2") == ([3, 4], True)
    assert await page("after_seq=4&limit=2") == ([5, 6], False)
    assert await page("before_seq=5&limit=2") == ([3, 4], True)
    assert await page("before_seq=3&limit=2") == ([1, 2], False)
    assert await page("after_seq=6") == ([], False)
    for query in ("after_seq=x", "before_seq=-1x", "limit=0", "limit=201"):
        await customer.gets(f"{path}?{query}", 422, "validation_failed")


@pytest.mark.parametrize("status", ["expired", "closing"])
async def test_a_message_after_the_time_is_not_taken(town: Town, status: str) -> None:
    customer, _, session, customers, _ = await both(town)
    if status == "expired":
        await town.expires(session["id"])
        await customers.hears("session_expired", session_id=session["id"])
    else:
        await customer.ends(session["id"])
    error = await customers.asks(message(session, "late"), "error", client_message_id="late")
    assert error["code"] == "session_not_active"
    assert error["session_id"] == session["id"]
