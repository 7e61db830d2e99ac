"""HTTP on the edge, and how a listener starts, counts and ends."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from quart import request
from quart_trio import QuartTrio

from halobestie.edge import Listener, Wire
from tests.conftest import ErrorLog

from .clients import Client, get, post
from .peer import LONG, SHORT, app_with, serving
from .target import Target


class Gate:
    """A handler that waits until the test lets it go."""

    def __init__(self, app: QuartTrio) -> None:
        self.entered = trio.Event()
        self.opened = trio.Event()
        self.left = trio.Event()

        @app.route("/gate", methods=["GET", "POST"])
        async def gate() -> dict[str, bool]:
            self.entered.set()
            try:
                await self.opened.wait()
            finally:
                self.left.set()
            return {"ok": True}


async def test_head_and_body_leave_in_one_write() -> None:
    async with serving(app_with()) as house:
        peer = await house.connect()
        await peer.send(get("/ping"))
        response = await peer.read()
        assert response.startswith(b"HTTP/1.1 200 ")
        assert response.endswith(b'{"ok":true}\n')
        assert b"\nserver:" not in response.lower()


async def test_a_connection_is_kept_for_the_next_request_and_closed_when_none_comes() -> None:
    async with serving(app_with(), SHORT) as house:
        peer = await house.connect()
        for _ in range(3):
            assert await peer.ask("/ping") == 200
        begun = trio.current_time()
        assert await peer.read_to_the_end() == b""
        assert trio.current_time() - begun > SHORT.idle_seconds / 2
        stats = house.listener.statistics()
        assert (stats.accepted, stats.requests) == (1, 3)


async def test_a_client_that_asks_for_it_is_hung_up_on() -> None:
    async with serving(app_with()) as house:
        peer = await house.connect()
        assert await peer.ask("/ping", b"Connection: close") == 200
        assert await peer.read_to_the_end() == b""


@pytest.mark.parametrize("pieces", [(b"",), (b"GET /pi", b"ng HTTP/1.1\r\n")])
async def test_a_head_has_one_time_for_all_of_it(pieces: tuple[bytes, ...]) -> None:
    async with serving(app_with(), SHORT) as house:
        peer = await house.connect()
        for piece in pieces:
            if piece:
                await peer.send(piece)
        answer = await peer.read_to_the_end()
        assert answer.startswith(b"HTTP/1.1 408 ") or not any(pieces)


async def test_a_body_has_one_time_for_all_of_it() -> None:
    app = app_with()

    @app.post("/post")
    async def read() -> str:
        await request.get_data()
        return "read"

    async with serving(app, SHORT) as house:
        peer = await house.connect()
        await peer.send(post("/post", b"Content-Length: 10", body=b"12345"))
        assert (await peer.read_response())[0] == 408
        assert await peer.read_to_the_end() == b""
        assert house.listener.statistics().faults == {"slow_body": 1}


async def test_an_answer_reaches_a_client_that_is_still_sending() -> None:
    app = app_with()

    @app.post("/post")
    async def read() -> str:
        await request.get_data()
        return "read"

    async with serving(app) as house:
        peer = await house.connect()
        await peer.send(post("/post", b"Content-Length: 3000000"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, bytes(3_000_000))
            assert (await peer.read_response())[0] == 413
            assert await peer.read_to_the_end() == b""


async def test_a_client_that_ended_its_half_is_still_answered() -> None:
    app = app_with()
    gate = Gate(app)
    async with serving(app) as house:
        peer = await house.connect()
        await peer.send(get("/gate"))
        await gate.entered.wait()
        await peer.stream.send_eof()
        gate.opened.set()
        assert (await peer.read_response())[0] == 200


async def test_a_handler_outlives_its_client_by_the_grace_and_no_more() -> None:
    app = app_with()
    gate = Gate(app)
    async with serving(app, replace(LONG, grace_seconds=0.05)) as house:
        peer = await house.connect()
        await peer.send(get("/gate"))
        await gate.entered.wait()
        await peer.hang_up()
        await gate.left.wait()
        assert not gate.opened.is_set()


async def test_a_failing_handler_costs_its_own_connection_nothing(
    expected_errors: ErrorLog, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with()

    @app.get("/bug")
    async def bug() -> str:
        raise RuntimeError("a bug")

    expected_errors.expect("a bug")
    async with serving(app) as house:
        peer = await house.connect()
        assert await peer.ask("/bug?access_token=SECRET") == 500
        assert await peer.ask("/ping") == 200
    assert "SECRET" not in str([record.__dict__ for record in caplog.records])


async def test_refusals_of_the_edge_are_problem_documents() -> None:
    async with serving(app_with()) as house:
        peer = await house.connect()
        await peer.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        status, head, body = await peer.read_response()
        assert status == 405
        assert b"application/problem+json" in head
        assert b"x-request-id" in head.lower()
        assert b'"code": "method_not_allowed"' in body


async def test_an_absolute_target_is_its_path() -> None:
    async with serving(app_with()) as house:
        peer = await house.connect()
        await peer.send(b"GET http://halo.example/ping HTTP/1.1\r\nHost: halo.example\r\n\r\n")
        assert (await peer.read_response())[0] == 200


async def test_closing_ends_the_idle_and_lets_the_busy_finish() -> None:
    app = app_with()
    gate = Gate(app)
    async with serving(app) as house:
        idle, busy = await house.connect(), await house.connect()
        assert await idle.ask("/ping") == 200
        await busy.send(get("/gate"))
        await gate.entered.wait()

        house.listener.close()
        assert await idle.read_to_the_end() == b""
        with pytest.raises(OSError, match="refused"):
            await house.connect()
        gate.opened.set()
        status, head, _ = await busy.read_response()
        assert status == 200
        assert b"connection: close" in head.lower()
        assert await busy.read_to_the_end() == b""
        assert await house.listener.finish(5) == 0


async def test_finishing_cuts_what_does_not_end_and_says_how_many() -> None:
    async def never_reads(wire: Wire) -> None:
        while True:
            await wire.send([b"x" * 100_000])

    app = app_with(never_reads)
    gate = Gate(app)
    async with serving(app) as house:
        for _ in range(2):
            await house.socket(receive_buffer=4096)
        await (await house.connect()).send(get("/gate"))
        await gate.entered.wait()
        house.listener.close()
        with trio.fail_after(2):
            assert await house.listener.finish(0.05) == 3
        assert house.listener.statistics().open_connections == 0


async def test_sockets_are_left_to_the_app_when_the_listener_closes() -> None:
    async def echo(wire: Wire) -> None:
        async for text in wire:
            await wire.send([text.encode()])

    async with serving(app_with(echo)) as house:
        peer = await house.socket()
        house.listener.close()
        await peer.say("still here?")
        assert await peer.hears_text() == "still here?"
        [wire] = house.listener.wires()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.close, 1012)
            assert await peer.hears_close() == 1012
            await peer.say_close(1012)
        assert await house.listener.finish(5) == 0


async def test_the_apps_lifespan_is_run_once_around_everything() -> None:
    app = app_with()
    seen: list[str] = []

    @app.before_serving
    async def before() -> None:
        seen.append("startup")

    @app.after_serving
    async def after() -> None:
        seen.append("shutdown")

    async with serving(app) as house:
        assert seen == ["startup"]
        for _ in range(2):
            assert await (await house.connect()).ask("/ping") == 200
    assert seen == ["startup", "shutdown"]


async def test_an_address_in_use_is_said_at_the_start() -> None:
    async with serving(app_with()) as house:
        host, port = house.listener.address
        second = Listener(app_with(), f"{host}:{port}")
        with pytest.raises(BaseExceptionGroup) as caught:
            async with trio.open_nursery() as nursery:
                await nursery.start(second.serve)
        assert caught.group_contains(OSError, match="in use")
        with pytest.raises(RuntimeError, match="not started"):
            assert second.address


async def test_a_cancelled_listener_leaves_no_connection() -> None:
    app = app_with()
    gate = Gate(app)
    listener = Listener(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(listener.serve)
        stream = await trio.open_tcp_stream(*listener.address)
        await stream.send_all(get("/gate"))
        await gate.entered.wait()
        nursery.cancel_scope.cancel()
    assert gate.left.is_set()
    assert listener.statistics().open_connections == 0
    await stream.aclose()


async def test_the_statistics_tell_what_came_and_went() -> None:
    async def echo(wire: Wire) -> None:
        async for text in wire:
            await wire.send([text.encode()])

    async with serving(app_with(echo)) as house:
        peer = await house.socket()
        await peer.say("one", "two")
        await peer.hears_text()
        await peer.hears_text()
        broken = await house.connect()
        await broken.send(b"\x16\x03\x01 not HTTP\r\n\r\n")
        await broken.read_to_the_end()

        stats = house.listener.statistics()
        assert (stats.name, stats.accepting) == ("test", True)
        assert stats.open_sockets == stats.sockets == 1
        assert (stats.frames_in, stats.frames_out) == (2, 2)
        assert stats.faults == {"malformed": 1}
        assert stats.bytes_in > 100
        assert stats.bytes_out > 100


# -- out of descriptors, in a process of its own

FILES = 40


@pytest.fixture
def small_target(tmp_path: Path) -> Iterator[Target]:
    target = Target(tmp_path / "log", str(FILES))
    yield target
    target.kill()


def test_a_server_out_of_descriptors_recovers(small_target: Target) -> None:
    crowd = [Client(small_target.port) for _ in range(2 * FILES)]
    # Those that say nothing lose their place after the time for a head; then the others'
    # turn comes, and a request behind all of them is answered.
    assert small_target.get("/ping") == {"ok": True}
    for client in crowd:
        client.close()
    stats = small_target.settled()
    assert stats["edge"]["faults"]["exhausted"] >= 1
    assert stats["edge"]["failures"] == 0
    assert small_target.stop() == 0
