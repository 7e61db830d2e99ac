"""What a hostile client can send, over raw sockets: the node lives, and nothing leaks."""

import json
import socket
import struct

import trio

from .people import Town

MASK = b"\0\0\0\0"


def handshake(path: str, *more: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: x",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(payload: bytes, opcode: int = 1, *, final: bool = True) -> bytes:
    head = bytes([opcode | (0x80 if final else 0)])
    size = len(payload)
    if size < 126:
        return head + bytes([0x80 | size]) + MASK + payload
    if size < 65_536:
        return head + b"\xfe" + struct.pack("!H", size) + MASK + payload
    return head + b"\xff" + struct.pack("!Q", size) + MASK + payload


def post(path: str, body: bytes, *more: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def talk(
    town: Town,
    data: bytes,
    *,
    after: bytes = b"",
    until: bytes | None = None,
    reset: bool = False,
    within: float = 8.0,
) -> bytes:
    """Send, and read until `until` has come or the other side hangs up; then leave or reset.

    With `after`, that is sent first and answered before the rest follows. Whoever waits for
    nothing (`until=b""`) leaves at once.
    """
    host, _, port = town.node.public.removeprefix("http://").rpartition(":")
    stream = await trio.open_tcp_stream(host, int(port))
    if reset:  # no lingering: close() sends a reset
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    said = b""
    try:
        with trio.move_on_after(within):
            if after:
                await stream.send_all(after)
                said += await stream.receive_some(65_536)
            await stream.send_all(data)
            while until is None or until not in said:
                chunk = await stream.receive_some(65_536)
                if not chunk:
                    break
                said += chunk
    except trio.BrokenResourceError:
        pass  # it hung up on us
    finally:
        await trio.aclose_forcefully(stream)
    return said


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def census(town: Town) -> tuple[int, int]:
    """Live sockets' actors, and descriptors of the node."""
    tree = await town.admin.gets("/internal/debug/actors")
    return json.dumps(tree).count('"kind": "socket"'), town.node.descriptors()


async def settles(town: Town, before: tuple[int, int]) -> None:
    with trio.move_on_after(10) as scope:
        while True:
            now = await census(town)
            if now[0] <= before[0] and now[1] <= before[1]:
                return
            await trio.sleep(0.05)
    assert not scope.cancelled_caught, f"sockets and descriptors were {before}, are {now}"


BODIES: list[tuple[bytes, int]] = [
    (b'{"display_name":"a\\u0000b"}', 422),
    (b'{"display_name":"a\0b"}', 400),
    (b'{"display_name":"\xff\xfe"}', 400),
    (b'{"display_name":"\\ud800"}', 400),
    (b"[" * 60_000, 400),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    (b'{"x":' + b"9" * 60_000 + b"}", 201),
    (b'{"x":1e999999}', 201),
    (b"\xef\xbb\xbf{}", 400),
    (b"{}\0", 400),
]


async def test_bodies_that_hurt_are_answered(town: Town) -> None:
    for body, expected in BODIES:
        request = post("/api/shared/auth/anonymous", body, "Connection: close")
        said = status(await talk(town, request))
        assert said == expected or (expected == 201 and said == 400), (body[:40], said)


NO_HTTP = [
    b"\0" * 1000,
    b"\xff" * 70_000,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Length: 1\r\n\r\nx",
    b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/../internal HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
]


async def test_what_is_no_http_is_answered_or_dropped(town: Town) -> None:
    before = await census(town)

    async def try_it(data: bytes) -> None:
        said = await talk(town, data, within=0.5)  # some is only the beginning of a request
        assert b"Traceback" not in said
        assert not said or status(said) >= 400, (data[:40], said[:60])
        await talk(town, data, until=b"", reset=True)

    async with trio.open_nursery() as nursery:
        for data in NO_HTTP:
            nursery.start_soon(try_it, data)
    await settles(town, before)
    assert await town.nobody.gets("/healthz") == {"status": "ok"}


FRAMES: list[tuple[bytes, int | None]] = [  # and the close code, if it is one
    (frame(b"\xff\xfe"), 1007),
    (frame(b"x", 3), 1002),
    (frame(b"x" * 200, 9), 1002),
    (b"\x81\x05hello", 1002),
    (frame(b"x", 0), 1002),
    (b"\xf1" + frame(b"{}")[1:], 1002),
    (frame(b"\x00", 8), 1002),
    (frame(struct.pack("!H", 1006), 8), 1002),
    (frame(b"x", 2), 1003),
    (frame(b"x" * 65_537), 1009),
    (b"\x81\xff" + struct.pack("!Q", 2**63 - 1) + MASK, 1009),
    (frame(b"x" * 40_000, final=False) + frame(b"x" * 40_000, 0), 1009),
    (frame(b"", final=False) + frame(b"", 0, final=False) * 5_000, 1009),
    (frame(b"", 10) * 1_000, None),
    (frame(b"") * 2_000, None),
    (frame(b'{"type":"ping"}') * 3_000, None),
]


async def test_frames_that_hurt_end_only_their_socket(town: Town) -> None:
    customer = await town.customer()
    opening = handshake("/api/client/ws", f"Authorization: Bearer {customer.token}")
    bystander = await customer.connects()
    before = await census(town)

    async def try_it(data: bytes, code: int | None) -> None:
        if code is None:  # a last ping is answered
            data, expected = data + frame(b"bye", 9), b"\x8a\x03bye"
        else:
            expected = b"\x88"
        said = await talk(town, data, after=opening, until=expected)
        assert status(said) == 101
        assert expected in said, (data[:20], said[-80:])
        end = said[said.rindex(expected) :]
        assert code is None or struct.pack("!H", code) == end[2:4], (data[:20], end)
        await talk(town, data, after=opening, until=b"", reset=True)
        await talk(town, opening + data, until=b"", reset=True)
        await talk(town, opening[:-2], until=b"", reset=True)

    async with trio.open_nursery() as nursery:
        for data, code in FRAMES:
            nursery.start_soon(try_it, data, code)
    await bystander.pings()
    await settles(town, before)


async def test_text_that_postgresql_refuses_is_refused_by_name(town: Town) -> None:
    customer, _, session = await town.chatting()
    app = await customer.connects()
    base = f'{{"type":"message","session_id":"{session["id"]}","client_message_id":"c1","content":'
    answers_of = [
        await app.asks(base + content + "}", "error")
        for content in ('"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"')
    ]
    assert answers_of[0]["code"] == "validation_failed"
    assert all(a["code"] in {"validation_failed", "invalid_frame"} for a in answers_of)
    path = "/api/shared/chat-sessions"
    for bad in ("%00", "a%00b", "%ff", "'", "..%2f"):
        await customer.gets(f"{path}/{bad}", 404)
    query = f"{path}/{session['id']}/messages"
    for bad in ("after_seq=%00", "after_seq=99999999999999999999", "limit=%ff"):
        await customer.gets(f"{query}?{bad}", 422, "validation_failed")
    await app.pings()


async def test_a_flood_of_connections_leaves_nothing(town: Town) -> None:
    customer = await town.customer()
    opening = handshake("/api/client/ws", f"Authorization: Bearer {customer.token}")
    before = await census(town)
    async with trio.open_nursery() as nursery:
        for number in range(60):
            data = (opening + frame(b'{"type":"ping"}'), opening[:40], b"")[number % 3]
            nursery.start_soon(talk_and_reset, town, data)
    await settles(town, before)


async def talk_and_reset(town: Town, data: bytes) -> None:
    await talk(town, data, until=b"", reset=True)


async def test_an_answer_before_the_body_says_that_the_connection_ends(town: Town) -> None:
    whole = post("/api/shared/auth/logout", b'{"a":1}')
    head, _, body = whole.partition(b"\r\n\r\n")
    said = await talk(town, body, after=head + b"\r\n\r\n")
    assert status(said) == 401
    assert b"connection: close" in said.lower()
