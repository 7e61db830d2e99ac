"""§4, the connection: three roads for the token, what is refused, how it is closed."""

import json

import pytest
import trio

from . import shapes
from .people import Town, answers

BAD = ["nonsense", "a.b.c", ""]


async def test_the_token_travels_by_header_query_or_sub_protocol(town: Town) -> None:
    customer = await town.customer()
    path = "/api/client/ws"
    by_header = await town.socket(path, headers=[("Authorization", f"Bearer {customer.token}")])
    by_query = await town.socket(f"{path}?access_token={customer.token}")
    by_protocol = await town.socket(path, subprotocols=["halobestie", f"bearer.{customer.token}"])
    for socket in (by_header, by_query, by_protocol):
        hello = await socket.hears("hello")
        assert socket.frames[0] == hello
        assert hello["user_id"] == customer.id
    assert by_protocol.connection.subprotocol == "halobestie"
    assert by_header.connection.subprotocol is None


@pytest.mark.parametrize("role", ["client", "mitra"])
async def test_no_or_a_bad_token_is_refused_by_401(town: Town, role: str) -> None:
    path = f"/api/{role}/ws"
    answers(await town.handshake(path), 401, "unauthenticated")
    for token in BAD:
        answers(await town.handshake(f"{path}?access_token={token}"), 401, "unauthenticated")
        refused = await town.handshake(path, Authorization=f"Bearer {token}x")
        answers(refused, 401, "unauthenticated")


async def test_the_wrong_user_type_is_refused_by_403(town: Town) -> None:
    customer, mitra = await town.customer(), await town.mitra(online=False)
    for role, person in (("mitra", customer), ("client", mitra)):
        path = f"/api/{role}/ws?access_token={person.token}"
        answers(await town.handshake(path), 403, "forbidden")


async def test_a_browser_is_accepted_and_told_by_close_code(town: Town) -> None:
    customer = await town.customer()
    for protocols, path, code in (
        (["halobestie"], "/api/client/ws", 4401),
        (["halobestie", "bearer.nonsense"], "/api/client/ws", 4401),
        (["halobestie", f"bearer.{customer.token}"], "/api/mitra/ws", 4403),
    ):
        socket = await town.socket(path, subprotocols=protocols)
        assert socket.connection.subprotocol == "halobestie"
        assert await socket.is_closed() == code
        assert socket.frames == []


async def test_a_signed_out_browser_is_told_by_close_code(town: Town) -> None:
    customer = await town.customer()
    await customer.calls("POST", "/api/shared/auth/logout")
    protocols = ["halobestie", f"bearer.{customer.token}"]
    socket = await town.socket("/api/client/ws", subprotocols=protocols)
    assert await socket.is_closed() in {4401, 4403}


async def test_a_plain_get_of_a_socket_is_answered(town: Town) -> None:
    customer = await town.customer()
    answer = await customer.calls("GET", "/api/client/ws")
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("role", ["client", "mitra"])
async def test_a_ping_is_answered(town: Town, role: str) -> None:
    person = await (town.customer() if role == "client" else town.mitra())
    socket = await person.connects()
    await socket.asks({"type": "ping"}, "pong")


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nope",
        "[]",
        "1",
        "null",
        '"text"',
        "{",
        '{"type":',
        '{"a":1}',
        '{"type":1}',
        '{"type":null}',
        "{}",
        '{"type":"ping"}x',
    ],
)
async def test_what_is_no_frame_is_answered_and_the_socket_stays(town: Town, frame: str) -> None:
    socket = await (await town.customer()).connects()
    error = await socket.asks(frame, "error")
    assert error["code"] in {"invalid_frame", "validation_failed", "unknown_type"}
    await socket.pings()


async def test_an_unknown_type_is_answered_with_the_frames_ids(town: Town) -> None:
    socket = await (await town.customer()).connects()
    frame = {"type": "nope", "client_message_id": "c1", "session_id": S}
    error = await socket.asks(frame, "error", code="unknown_type")
    assert (error["client_message_id"], error["session_id"]) == ("c1", S)


async def test_a_customer_has_no_heartbeat(town: Town) -> None:
    socket = await (await town.customer()).connects()
    error = await socket.asks({"type": "heartbeat"}, "error")
    assert error["code"] == "unknown_type"


async def test_a_mitras_heartbeat_is_answered(town: Town) -> None:
    socket = await (await town.mitra()).connects()
    await socket.asks({"type": "heartbeat"}, "heartbeat_ack")


S = "00000000-0000-7000-8000-000000000000"
WRONG = [
    {"type": "message", "session_id": S, "client_message_id": "c1"},
    {"type": "message", "session_id": S, "client_message_id": "c1", "content": ""},
    {"type": "message", "session_id": S, "client_message_id": "c1", "content": 5},
    {"type": "message", "session_id": S, "client_message_id": "c1", "content": "x" * 4001},
    {"type": "message", "session_id": S, "client_message_id": "c1", "content": "a\0b"},
    {"type": "message", "session_id": S, "client_message_id": "", "content": "x"},
    {"type": "message", "session_id": S, "client_message_id": "x" * 65, "content": "x"},
    {"type": "message", "session_id": "nope", "client_message_id": "c1", "content": "x"},
    {"type": "message", "client_message_id": "c1", "content": "x"},
    {"type": "typing", "session_id": S},
    {"type": "typing", "session_id": S, "is_typing": "yes"},
    {"type": "delivered", "session_id": S, "up_to_seq": "1"},
    {"type": "delivered", "session_id": S, "up_to_seq": 10**30},
    {"type": "read", "session_id": S, "up_to_seq": -1},
    {"type": "resume", "session_id": S, "after_seq": None},
    {"type": "resume", "session_id": S},
]


@pytest.mark.parametrize("frame", WRONG, ids=lambda frame: json.dumps(frame)[9:70])
async def test_wrong_fields_fail_validation_with_the_frames_ids(town: Town, frame: object) -> None:
    socket = await (await town.customer()).connects()
    error = await socket.asks(frame, "error", code="validation_failed")
    for name in ("client_message_id", "session_id"):
        if isinstance(frame, dict) and isinstance(frame.get(name), str) and frame[name]:
            assert error[name] == frame[name]
    await socket.pings()


@pytest.mark.parametrize("kind", ["message", "typing", "delivered", "read", "resume"])
async def test_a_foreign_session_is_not_found(town: Town, kind: str) -> None:
    _, _, session = await town.chatting()
    socket = await (await town.customer("Stranger")).connects()
    frame = {
        "type": kind,
        "client_message_id": "c1",
        "content": "x",
        "is_typing": True,
        "up_to_seq": 0,
        "after_seq": 0,
    }
    for session_id in (session["id"], S):
        error = await socket.asks(
            {**frame, "session_id": session_id}, "error", session_id=session_id
        )
        assert error["code"] == "not_found"


async def test_unknown_fields_of_a_frame_are_ignored(town: Town) -> None:
    socket = await (await town.customer()).connects()
    await socket.asks({"type": "ping", "extra": [1]}, "pong")


async def test_a_binary_frame_closes_with_1003(town: Town) -> None:
    socket = await (await town.customer()).connects()
    await socket.connection.send_message(b'{"type":"ping"}')
    assert await socket.is_closed() == 1003


async def test_a_frame_over_64_kib_closes_with_1009(town: Town) -> None:
    socket = await (await town.customer()).connects()
    await socket.sends(json.dumps({"type": "ping", "x": "x" * 65_536}))
    assert await socket.is_closed() == 1009


async def test_a_frame_of_64_kib_is_read(town: Town) -> None:
    socket = await (await town.customer()).connects()
    frame = '{"type":"ping","x":"' + "x" * (65_536 - 22) + '"}'
    assert len(frame) == 65_536
    await socket.asks(frame, "pong")


async def test_deep_json_is_answered(town: Town) -> None:
    socket = await (await town.customer()).connects()
    await socket.asks('{"type":"ping","x":' + "[" * 30_000 + "]" * 30_000 + "}", "error")
    await socket.pings()


async def test_more_than_fifty_frames_a_second_are_dropped_and_said(town: Town) -> None:
    customer, _, session = await town.chatting()
    socket = await customer.connects()
    with trio.fail_after(8):
        while not socket.heard("error", code="rate_limited"):
            for _ in range(50):
                await socket.sends(
                    {"type": "typing", "session_id": session["id"], "is_typing": True}
                )
            await trio.lowlevel.checkpoint()
    assert socket.close_code is None


async def test_a_message_that_was_dropped_is_named(town: Town) -> None:
    customer, _, session = await town.chatting()
    socket = await customer.connects()
    for number in range(400):
        await socket.sends(
            {
                "type": "message",
                "session_id": session["id"],
                "client_message_id": f"m{number}",
                "content": "x",
            }
        )
    with trio.fail_after(8):
        while len(socket.heard("message_status")) + len(socket.heard("error")) < 400:
            await socket.news()
    dropped = socket.heard("error", code="rate_limited")
    assert dropped
    named = {frame["client_message_id"] for frame in dropped}
    named |= {frame["client_message_id"] for frame in socket.heard("message_status")}
    assert named == {f"m{number}" for number in range(400)}


async def test_a_customer_hears_availability_at_connect_and_at_its_change(town: Town) -> None:
    await town.sends_everybody_home()
    socket = await (await town.customer()).connects()
    first = await socket.hears("mitra_availability", available=False)
    assert first["count"] == 0
    mitra = await town.mitra()
    second = await socket.hears("mitra_availability", available=True)
    assert second["count"] == 1
    await mitra.goes(online=False)
    await socket.hears("mitra_availability", available=False)


async def test_a_socket_outlives_nothing_but_revocation(town: Town) -> None:
    customer = await town.customer()
    first, second = await customer.connects(), await customer.connects()
    await first.connection.aclose()
    await second.pings()
    assert shapes.uuid(customer.id)
