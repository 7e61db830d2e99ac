"""88 inputs that end, hang or fatten a stock hypercorn.trio, or might.

Each attack takes the running target, does its worst and asserts what the client sees.
Those of HANGING leave their connections in that state, for SIGTERM to meet.
"""

import os
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from time import monotonic

from .clients import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Client,
    close_frame,
    frame,
    get,
    post,
    upgrade,
)
from .target import Target

Attack = Callable[[Target], list[Client] | None]
ATTACKS: dict[str, Attack] = {}
HANGING: set[str] = set()
REQUESTS: list[bytes] = []  # the bytes of the simple ones, to be mutated
FRAMES: list[bytes] = []
MEGABYTE = 1 << 20
HI = frame(TEXT, b"hi")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes(3) + b"\x04" + bytes(5)


def attack(function: Attack) -> Attack:
    ATTACKS[function.__name__] = function
    return function


def hanging(function: Attack) -> Attack:
    HANGING.add(function.__name__)
    return attack(function)


def answers(name: str, data: bytes, *statuses: int, then_ends: bool = False) -> None:
    """An attack of a few bytes, and the statuses it gets."""
    REQUESTS.append(data)

    def send_them(target: Target) -> None:
        with closing(target.client()) as client:
            client.send_what_goes(data)
            for status in statuses:
                assert client.read_status() == status
            if then_ends:
                assert client.read_to_the_end() == b""

    ATTACKS[name] = send_them


def refused(name: str, data: bytes, *statuses: int) -> None:
    answers(name, data, *statuses, then_ends=True)


def breaks(name: str, frames: bytes, code: int) -> None:
    """Frames on an open WebSocket, and the code it is closed with."""
    FRAMES.append(frames)

    def send_them(target: Target) -> None:
        with closing(target.socket()) as client:
            client.send_what_goes(frames)
            assert client.read_close() == code
            client.read_to_the_end()

    ATTACKS[name] = send_them


# -- requests that are none

refused("garbage", b"\x00\x01\x02\xff\xfe" * 50 + b"\r\n\r\n", 400)
refused("tls_hello", bytes.fromhex("16030100a5010000a1") + os.urandom(120) + b"\r\n\r\n", 400)
refused("bad_chunk", post("/post", b"Transfer-Encoding: chunked", body=b"ZZZ\r\nabc\r\n"), 400)
refused("bad_content_length", post("/post", b"Content-Length: -5", body=b"abc"), 400)
refused(
    "two_content_lengths",
    post("/post", b"Content-Length: 5", b"Content-Length: 6", body=b"abcde"),
    400,
)
refused("no_host", b"GET / HTTP/1.1\r\n\r\n", 400)
refused("huge_header", get("/ping", b"A: " + b"a" * 200_000), 431)
refused("empty_path", b"GET ?a=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400)
answers("bad_absolute_url", b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 404)
refused("bad_host", b"GET /ping HTTP/1.1\r\nHost: \xff\xfe[[\r\n\r\n", 400)
answers("percent_path", get("/%ff%00%2e%2e"), 404)
refused("connect", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405)
refused("connect_path", b"CONNECT /raw HTTP/1.1\r\nHost: x\r\n\r\n", 405)
answers(
    "expect_continue",
    post("/post", b"Expect: 100-continue", b"Content-Length: 3", body=b"abc"),
    100,
    200,
)
refused("http_1_0", get("/ping", version=b"1.0"), 200)
refused("http_0_9", get("/ping", version=b"0.9"), 505)
answers("pipelined", get("/ping") * 20, *[200] * 20)
refused("pipelined_garbage", get("/slow?t=0.1") + b"\x00\x00\x00\r\n\r\n", 200, 400)
answers("many_headers", get("/ping", *(b"a%d: b" % i for i in range(900))), 200)

# -- handshakes

refused("upgrade_http_1_0", upgrade().replace(b"HTTP/1.1", b"HTTP/1.0"), 400)
refused("upgrade_trailing", upgrade() + HI, 400)
refused("upgrade_trailing_slow_accept", upgrade("/slowaccept") + HI, 400)
refused("upgrade_content_length", upgrade("/ws", b"Content-Length: 5") + b"abcde" + HI, 400)
refused(
    "upgrade_chunked",
    upgrade("/ws", b"Transfer-Encoding: chunked") + b"5\r\nabcde\r\n0\r\n\r\n" + HI,
    400,
)
refused("upgrade_wrong_version", upgrade(wanted=b"8") + b"xxx", 426)
refused("upgrade_wrong_version_then_request", upgrade(wanted=b"8") + get("/ping"), 426)
refused("upgrade_no_key", upgrade().replace(b"Sec-WebSocket-Key", b"X-Nope") + HI, 400)
refused("upgrade_bad_key", upgrade(key=b"\xff\xff"), 400)
refused("upgrade_protocol_not_ascii", upgrade("/ws", b"Sec-WebSocket-Protocol: \xff\xfe"), 400)
refused("upgrade_extension_not_ascii", upgrade("/ws", b"Sec-WebSocket-Extensions: \xff"), 400)
refused(
    "upgrade_connection_not_ascii",
    upgrade().replace(b"Connection: Upgrade", b"Connection: Upgrade, \xff"),
    400,
)
answers(
    "upgrade_bad_deflate",
    upgrade("/ws", b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=abc"),
    101,
)
answers(
    "upgrade_deflate_8_bits",
    upgrade("/ws", b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8"),
    101,
)
refused("reject_trailing", upgrade("/reject") + HI, 400)
answers("upgrade_not_found", upgrade("/nope"), 404)
refused("upgrade_empty_path", upgrade("?x"), 400)


@attack
def upgrade_early_frames(target: Target) -> None:
    """Frames between the request and the accept."""
    with closing(target.client()) as client:
        client.send(upgrade("/slowaccept"))
        client.send(HI)
        assert client.read_status() == 400
        assert client.read_to_the_end() == b""


# -- HTTP/2, which is not spoken here

refused("h2_prior", PREFACE + SETTINGS, 505)
refused("h2_prior_garbage", PREFACE + os.urandom(200), 505)
refused(
    "h2_connect",
    PREFACE + SETTINGS + b"\x00\x00\x08\x01\x04\x00\x00\x00\x01\x02\x07CONNECT"[:17],
    505,
)
refused(
    "h2_data_after_end",
    PREFACE + SETTINGS + b"\x00\x00\x03\x00\x00\x00\x00\x00\x01abc",
    505,
)
refused(
    "h2_priority_chain",
    PREFACE
    + SETTINGS
    + b"".join(
        b"\x00\x00\x05\x02\x00" + struct.pack("!IIB", i, i + 2, 10) for i in range(1, 3000, 2)
    ),
    505,
)
for _name, _settings in {
    "h2c_not_base64": b"!!!notb64\xff",
    "h2c_bad_settings": b"AAAA",
}.items():
    answers(
        _name,
        get(
            "/ping",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: " + _settings,
        ),
        200,
    )
answers("h2c_no_settings", get("/ping", b"Connection: Upgrade", b"Upgrade: h2c"), 200)

# -- frames that are none

breaks("unknown_opcode", frame(7, b"x"), 1002)
breaks("reserved_bit", frame(TEXT, b"x", reserved=True), 1002)
breaks("unmasked", frame(TEXT, b"x", masked=False), 1002)
breaks("bad_utf8", frame(TEXT, b"\xff\xfe\xfd"), 1007)
breaks("close_one_byte", frame(CLOSE, b"x"), 1002)
breaks("close_code_1006", close_frame(1006), 1002)
breaks("close_reason_not_utf8", close_frame(1000, b"\xff"), 1007)
breaks("close_then_data", close_frame(1000) + HI * 50, 1000)
breaks("bad_frame_then_data", frame(7) + HI * 200, 1002)
breaks("big_control", frame(PING, b"x" * 200), 1002)
breaks("fragmented_control", frame(PING, b"x", fin=False), 1002)
breaks("continuation_of_nothing", frame(0, b"x"), 1002)
breaks("interleaved", frame(TEXT, b"x", fin=False) + frame(BINARY, b"y"), 1002)
breaks("empty_binary", frame(BINARY), 1003)
breaks("huge_length", frame(TEXT, b"x", length=1 << 62), 1009)
breaks("negative_length", frame(TEXT, b"x", length=(1 << 63) + 5), 1009)


@attack
def empty_text(target: Target) -> None:
    with closing(target.socket()) as client:
        client.send(frame(TEXT))
        assert client.read_frame() == (TEXT, b"")


@attack
def close_then_data_slowly(target: Target) -> None:
    with closing(target.socket()) as client:
        client.send(close_frame(1000))
        for _ in range(200):
            client.send_what_goes(HI)
        assert client.read_close() == 1000


# -- more than fits


def grows_less_than(target: Target, before: int, megabytes: int) -> None:
    grown = target.stats()["rss"] - before
    assert grown < megabytes * MEGABYTE, f"grew by {grown / MEGABYTE:.1f} MB"


@attack
def oversized_message(target: Target) -> None:
    """100 MB into one message: refused by its first header, never gathered."""
    before = target.stats()["rss"]
    with closing(target.socket()) as client:
        client.send_what_goes(frame(TEXT, b"x" * MEGABYTE, fin=False))
        client.send_what_goes(frame(0, b"x" * MEGABYTE, fin=False), 99)
        grows_less_than(target, before, 8)
        assert client.read_close() == 1009


@attack
def deflate_bomb(target: Target) -> None:
    """200 MB in 194 KB; the extension was never agreed on, so the bit is a fault."""
    before = target.stats()["rss"]
    with closing(target.client()) as client:
        assert b"permessage" not in client.shake_hands(
            "/ws", b"Sec-WebSocket-Extensions: permessage-deflate"
        )
        client.send_what_goes(frame(BINARY, deflated(200_000_000), fin=False, reserved=True))
        assert client.read_close() == 1002
        grows_less_than(target, before, 8)


@attack
def many_small_bombs(target: Target) -> None:
    with closing(target.socket("/ws", b"Sec-WebSocket-Extensions: permessage-deflate")) as client:
        client.send_what_goes(frame(BINARY, deflated(15_000_000), reserved=True), 20)
        assert client.read_close() == 1002


def deflated(size: int) -> bytes:
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compress.compress(bytes(size)) + compress.flush(zlib.Z_SYNC_FLUSH))[:-4]


@attack
def empty_fragments(target: Target) -> None:
    """400,000 frames of nothing in one message."""
    with closing(target.socket()) as client:
        client.send(frame(TEXT, fin=False))
        client.send_what_goes(frame(0, fin=False) * 20_000, 20)
        answers_at_once(target)
        assert client.read_close() == 1009


def answers_at_once(target: Target) -> None:
    begun = monotonic()
    target.get("/ping")
    assert monotonic() - begun < 2.0


@attack
def tiny_chunks(target: Target) -> None:
    with closing(target.client()) as client:
        client.send(post("/post", b"Transfer-Encoding: chunked"))
        client.send_what_goes(b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n", patience=5.0)
        assert client.read_status() == 413


def big_body(name: str, head: bytes, status: int, clients: int, megabytes: int) -> None:
    def send_it(target: Target) -> None:
        before = target.stats()["rss"]
        many = [target.client() for _ in range(clients)]
        for client in many:
            client.send(head)
            client.send_what_goes(bytes(MEGABYTE), megabytes, patience=0.02)
        for client in many:
            assert client.read_status() == status  # the answer is not lost to a reset
        grows_less_than(target, before, 12)
        for client in many:
            client.close()

    ATTACKS[name] = send_it


_BIG = b"Content-Length: 100000000"
big_body("big_body_app_without_receive", get("/raw", _BIG), 200, 10, 3)
big_body("big_body_not_read", post("/noread", _BIG), 401, 10, 3)
big_body("big_body_too_large", post("/post", _BIG), 413, 1, 20)


# -- clients that vanish


@attack
def reset_in_mid_echo(target: Target) -> None:
    for _ in range(200):
        client = target.socket()
        client.send(frame(TEXT, b"x" * 60_000) * 3)
        client.reset()


@attack
def reset_in_mid_push(target: Target) -> None:
    for _ in range(200):
        client = target.socket("/push")
        client.read()
        client.reset()


@attack
def reset_in_mid_frame(target: Target) -> None:
    for _ in range(100):
        client = target.socket()
        client.send(frame(TEXT, b"x" * 1000)[:500])
        client.reset()


@attack
def reset_in_handshake(target: Target) -> None:
    for _ in range(500):
        client = target.client()
        client.send(upgrade())
        client.reset()


@attack
def reset_in_request(target: Target) -> None:
    for _ in range(500):
        client = target.client()
        client.send(get("/slow?t=0.05"))
        client.reset()


@attack
def reset_in_big_response(target: Target) -> None:
    for _ in range(10):
        client = target.client(receive_buffer=4096)
        client.send(get("/big"))
        client.read()
        client.reset()


@attack
def reset_after_connect(target: Target) -> None:
    for _ in range(1000):
        target.client().reset()


@attack
def open_and_close(target: Target) -> None:
    for _ in range(1500):
        client = target.client()
        client.send(upgrade())
        client.read()
        client.close()


@attack
def close_cleanly(target: Target) -> None:
    """Nothing of a closed socket stays behind for its next ping."""
    for _ in range(100):
        with closing(target.socket()) as client:
            client.send(close_frame(1000))
            assert client.read_close() == 1000


@attack
def half_close(target: Target) -> None:
    """The client ends its half and reads on."""
    with closing(target.socket()) as client:
        client.send(HI)
        client.sock.shutdown(1)
        assert client.read_frame() == (TEXT, b"hi")
        client.read_to_the_end()


def pump_without_reading(target: Target, end: Callable[[Client], None]) -> None:
    for _ in range(5):
        client = target.socket(receive_buffer=4096)
        client.send_what_goes(frame(TEXT, b"x" * 60_000), 300)
        end(client)


@attack
def pump_then_reset(target: Target) -> None:
    pump_without_reading(target, Client.reset)


@attack
def pump_then_close(target: Target) -> None:
    pump_without_reading(target, Client.close)


# -- clients that stay and do nothing, or little


@hanging
def half_open(target: Target) -> list[Client]:
    return [target.client() for _ in range(300)]


@hanging
def slow_head(target: Target) -> list[Client]:
    client = target.client()
    for byte in upgrade("/ping")[:20]:
        client.send(bytes([byte]))
    return [client]


@hanging
def slow_body(target: Target) -> list[Client]:
    client = target.client()
    client.send(post("/post", b"Content-Length: 1000", body=b"x"))
    return [client]


@hanging
def slow_reader(target: Target) -> list[Client]:
    client = target.socket("/flood", receive_buffer=4096)
    client.read()
    return [client]


@hanging
def slow_reader_of_a_response(target: Target) -> list[Client]:
    client = target.client(receive_buffer=4096)
    client.send(get("/big"))
    client.read()
    return [client]


@hanging
def pump_without_end(target: Target) -> list[Client]:
    client = target.socket(receive_buffer=4096)
    client.send_what_goes(frame(TEXT, b"x" * 60_000), 300)
    return [client]


@hanging
def ping_flood_without_reading(target: Target) -> list[Client]:
    before = target.stats()["rss"]
    client = target.socket(receive_buffer=4096)
    client.send_what_goes(frame(PING, b"x" * 125) * 500, 200)
    grows_less_than(target, before, 8)
    return [client]


@hanging
def ping_flood(target: Target) -> list[Client]:
    client = target.socket()
    client.send_what_goes(frame(PING, b"x" * 125) * 500, 400)
    answers_at_once(target)
    return [client]


@hanging
def deaf_handler(target: Target) -> list[Client]:
    """The fault is the app's: its handler never reads."""
    client = target.socket("/deaf")
    client.send_what_goes(frame(TEXT, b"x" * 60_000), 100)
    return [client]


@hanging
def silent_socket(target: Target) -> list[Client]:
    return [target.socket() for _ in range(50)]


@hanging
def handshake_in_progress(target: Target) -> list[Client]:
    clients = [target.client() for _ in range(20)]
    for client in clients:
        client.send(upgrade("/slowaccept"))
    return clients


@hanging
def idle_keep_alive(target: Target) -> list[Client]:
    clients = [target.client() for _ in range(50)]
    for client in clients:
        client.send(get("/ping"))
        assert client.read_status() == 200
    return clients
