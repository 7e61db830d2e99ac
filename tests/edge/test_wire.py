"""The straight road, over real TCP: order, closing, back-pressure, who waits for whom."""

from dataclasses import replace

import pytest
import trio
import trio.lowlevel
import trio.testing
from quart import websocket

from halobestie.edge import Wire, take_wire
from tests.conftest import ErrorLog

from .clients import PING, PONG, TEXT, close_frame, frame, upgrade
from .peer import LONG, SHORT, House, app_with, serving

BIG = b"x" * 4_000_000


async def echo(wire: Wire) -> None:
    async for text in wire:
        await wire.send([text.encode()])


class Captured:
    """A handler that hands its wire to the test and reads on."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Wire](100)
        self.heard: list[str] = []
        self.ended = trio.Event()

    async def __call__(self, wire: Wire) -> None:
        self._send.send_nowait(wire)
        async for text in wire:
            self.heard.append(text)
        self.ended.set()

    async def wire(self) -> Wire:
        return await self._receive.receive()


class Unreading(Captured):
    """A handler that hands its wire to the test and never reads."""

    async def __call__(self, wire: Wire) -> None:
        self._send.send_nowait(wire)
        try:
            await trio.sleep_forever()
        finally:
            self.ended.set()


async def test_what_is_said_is_heard_in_order() -> None:
    async with serving(app_with(echo)) as house:
        peer = await house.socket()
        await peer.say("satu", "dua", "tiga")
        assert [await peer.hears_text() for _ in range(3)] == ["satu", "dua", "tiga"]


@pytest.mark.parametrize(("code", "seen"), [(1000, 1000), (4000, 4000), (None, 1006)])
async def test_everything_sent_before_the_close_is_processed(code: int | None, seen: int) -> None:
    codes: list[int | None] = []
    heard: list[str] = []
    ended = trio.Event()

    async def slower_than_the_client(wire: Wire) -> None:
        async for text in wire:
            await trio.lowlevel.checkpoint()
            heard.append(text)
        codes.append(wire.close_code)
        ended.set()

    async with serving(app_with(slower_than_the_client)) as house:
        peer = await house.socket()
        await peer.say(*map(str, range(500)))
        if code is not None:
            await peer.say_close(code)
        await peer.hang_up()
        await ended.wait()
    assert heard == [str(n) for n in range(500)]
    assert codes == [seen]


async def test_several_frames_leave_in_one_write() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket()
        wire = await handler.wire()
        await wire.send([b"a", b"b", b"c"])
        assert await peer.read() == b"\x81\x01a\x81\x01b\x81\x01c"
        assert house.listener.statistics().frames_out == 3


async def test_two_senders_never_tear_each_others_frames() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket(receive_buffer=4096)
        wire = await handler.wire()
        async with trio.open_nursery() as nursery:
            for letter in (b"a", b"b", b"c"):
                nursery.start_soon(wire.send, [letter * 300_000] * 2)
            frames = [await peer.hears() for _ in range(6)]
    assert all(len(set(text)) == 1 and len(text) == 300_000 for _, text in frames)
    letters = [text[:1] for _, text in frames]
    assert letters[::2] == letters[1::2]  # two of one sender always follow one another
    assert sorted(letters[::2]) == [b"a", b"b", b"c"]


async def test_a_cancelled_send_does_not_garble_the_next() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket(receive_buffer=4096)
        wire = await handler.wire()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wire.send, [BIG])
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.send, [b"after"])
            assert await peer.hears() == (TEXT, BIG)
            assert await peer.hears() == (TEXT, b"after")


async def test_a_peer_that_does_not_read_is_given_up_after_the_limit() -> None:
    handler = Captured()
    async with serving(app_with(handler), replace(LONG, send_seconds=0.05)) as house:
        peer = await house.socket(receive_buffer=4096)
        wire = await handler.wire()
        with pytest.raises(trio.BrokenResourceError, match="does not read"):
            await wire.send([BIG[:1_000_000]] * 3)
        await handler.ended.wait()
        assert wire.close_code == 1006
        with pytest.raises(trio.BrokenResourceError):
            await wire.send([b"more"])
        assert house.listener.statistics().faults["does_not_read"] == 1
        await peer.hang_up()


async def test_send_nowait_says_no_while_bytes_are_waiting() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket(receive_buffer=4096)
        wire = await handler.wire()
        assert wire.send_nowait([BIG])  # begun; the rest goes by itself
        assert not wire.send_nowait([b"too early"])
        assert await peer.hears() == (TEXT, BIG)
        while not wire.send_nowait([b"now"]):
            await trio.lowlevel.checkpoint()
        assert await peer.hears() == (TEXT, b"now")


async def test_the_client_sees_our_code_and_reason_and_no_reset() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket()
        wire = await handler.wire()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.close, 1012, "restart")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(wire.close, 4000)  # the first one has decided
            assert await peer.read() == b"\x88\x09" + (1012).to_bytes(2, "big") + b"restart"
            await peer.say("on its way", "too late")
            await peer.say_close(1012)
        await handler.ended.wait()
        assert await peer.read_to_the_end() == b""
        assert wire.close_code == 1012
        assert handler.heard == []
        await wire.close()  # again: nothing happens
        with pytest.raises(trio.BrokenResourceError):
            await wire.send([b"after the close"])


async def test_closing_reads_by_itself_where_no_handler_does() -> None:
    async def says_goodbye(wire: Wire) -> None:
        await wire.send([b"draining"])
        await wire.close(1012)

    async with serving(app_with(says_goodbye)) as house:
        peer = await house.socket()
        assert await peer.hears_text() == "draining"
        assert await peer.hears_close() == 1012
        await peer.say("late")
        await peer.say_close(1012)
        assert await peer.read_to_the_end() == b""


async def test_closing_takes_no_longer_than_its_limit() -> None:
    handler = Captured()
    async with serving(app_with(handler), replace(LONG, close_seconds=0.05)) as house:
        await house.socket()
        wire = await handler.wire()
        with trio.fail_after(2):
            await wire.close(1012)  # no answer comes
            await handler.ended.wait()
        assert wire.close_code == 1012


async def test_closing_towards_a_full_buffer_takes_no_longer_either() -> None:
    handler = Captured()
    async with serving(app_with(handler), replace(LONG, close_seconds=0.05)) as house:
        await house.socket(receive_buffer=4096)
        wire = await handler.wire()
        wire.send_nowait([BIG])
        with trio.fail_after(2):
            await wire.close(1013)
            await handler.ended.wait()


async def test_a_handler_that_returns_closes_with_1000() -> None:
    async def enough(wire: Wire) -> None:
        async for _ in wire:
            break

    async with serving(app_with(enough)) as house:
        peer = await house.socket()
        await peer.say("hello")
        assert await peer.hears_close() == 1000


async def test_a_handler_that_raises_closes_with_1011_and_logs_no_secret(
    expected_errors: ErrorLog, caplog: pytest.LogCaptureFixture
) -> None:
    async def bug(wire: Wire) -> None:
        async for _ in wire:
            raise RuntimeError("a bug")

    expected_errors.expect("app failed")
    async with serving(app_with(bug)) as house:
        peer = await house.socket("/ws?access_token=SECRET")
        await peer.say("PRIVATE")
        assert await peer.hears_close() == 1011
        await peer.say_close(1011)
        await peer.read_to_the_end()
        assert house.listener.statistics().failures == 1
    text = str([record.__dict__ for record in caplog.records])
    assert "a bug" in text
    assert "SECRET" not in text
    assert "PRIVATE" not in text


async def test_a_refusal_raised_after_the_accept_closes_with_1011_too() -> None:
    app = app_with()

    @app.errorhandler(LookupError)
    async def known(error: LookupError) -> tuple[dict[str, str], int]:
        return {"code": "not_found"}, 404

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()
        raise LookupError

    async with serving(app) as house:
        peer = await house.socket()
        assert await peer.hears_close() == 1011


async def test_a_lost_peer_is_no_error_of_the_handlers() -> None:
    gone = trio.Event()

    async def talks_to_nobody(wire: Wire) -> None:
        await gone.wait()
        while True:
            await wire.send([b"hello?"])
            await trio.lowlevel.checkpoint()

    async with serving(app_with(talks_to_nobody)) as house:
        peer = await house.socket()
        await peer.hang_up()
        gone.set()
        while house.listener.statistics().open_connections:  # noqa: ASYNC110 - nobody tells
            await trio.sleep(0.01)
        assert house.listener.statistics().failures == 0


async def test_a_lost_peer_is_no_error_in_a_handlers_nursery_either() -> None:
    async def two_tasks(wire: Wire) -> None:
        async def talk() -> None:
            while True:
                await wire.send([b"hello?"])
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk)
            await trio.sleep_forever()

    async with serving(app_with(two_tasks)) as house:
        peer = await house.socket()
        await peer.hang_up()
        while house.listener.statistics().open_connections:  # noqa: ASYNC110 - nobody tells
            await trio.sleep(0.01)
        assert house.listener.statistics().failures == 0


async def test_a_handler_outlives_its_peer_by_the_grace_and_no_more() -> None:
    ended = trio.Event()

    async def busy(wire: Wire) -> None:
        async for _ in wire:
            pass
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with serving(app_with(busy), replace(LONG, grace_seconds=0.05)) as house:
        peer = await house.socket()
        await peer.hang_up()
        await ended.wait()


async def test_pings_are_answered_and_a_flood_of_them_once_a_read() -> None:
    async with serving(app_with(echo)) as house:
        peer = await house.socket()
        await peer.send(frame(PING, b"are you there"))
        assert await peer.hears() == (PONG, b"are you there")
        await peer.send(b"".join(frame(PING, b"%d" % n) for n in range(3000)))
        await peer.say("done")
        answers = []
        while (heard := await peer.hears())[0] == PONG:
            answers.append(heard[1])
        assert answers[-1] == b"2999"
        assert len(answers) < 100


async def test_a_handler_that_does_not_read_holds_its_peer_back() -> None:
    handler = Unreading()
    async with serving(app_with(handler)) as house:
        peer = await house.socket()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, frame(TEXT, b"x" * 60_000) * 500)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert nursery.child_tasks  # 30 MB do not fit into the kernel's buffers
            assert house.listener.statistics().bytes_in < 1000  # the handshake
            nursery.cancel_scope.cancel()


async def test_a_killed_wire_ends_its_handler() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket()
        wire = await handler.wire()
        wire.kill()
        wire.kill()
        await handler.ended.wait()
        assert wire.close_code == 1006
        assert await peer.read_to_the_end() == b""
        assert repr(wire).startswith("<Wire 127.0.0.1:")


async def test_the_wire_comes_with_the_accept_and_not_before() -> None:
    app = app_with()

    @app.websocket("/ws")
    async def ws() -> None:
        with pytest.raises(RuntimeError, match="accept"):
            take_wire(websocket)
        await websocket.accept(subprotocol="halobestie")
        wire = take_wire(websocket)
        assert wire.remote[0] == "127.0.0.1"
        assert take_wire(websocket) is wire
        await wire.send([b"welcome"])

    async with serving(app) as house:
        peer = await house.connect()
        offer = b"Sec-WebSocket-Protocol: halobestie, bearer.abc"
        deflate = b"Sec-WebSocket-Extensions: permessage-deflate"
        await peer.send(upgrade("/ws", offer, deflate))
        head = (await peer.read_head()).lower()
        assert b"sec-websocket-protocol: halobestie\r\n" in head
        assert b"extensions" not in head
        assert await peer.hears_text() == "welcome"


async def test_a_refused_handshake_is_an_ordinary_answer() -> None:
    app = app_with()

    @app.websocket("/ws")
    async def ws() -> tuple[dict[str, str], int]:
        return {"code": "unauthenticated"}, 401

    async with serving(app) as house:
        peer = await house.connect()
        await peer.send(upgrade())
        status, _, body = await peer.read_response()
        assert (status, b"unauthenticated" in body) == (401, True)
        assert await peer.ask("/ping") == 200  # the connection is still good


async def test_quarts_own_calls_work_on_the_same_road() -> None:
    app = app_with()
    ends: list[str] = []

    @app.websocket("/ws")
    async def ws() -> None:
        try:
            while True:
                await websocket.send(await websocket.receive())
        except trio.EndOfChannel:
            ends.append("end")

    async with serving(app) as house:
        peer = await house.socket()
        await peer.say("through Quart")
        assert await peer.hears_text() == "through Quart"
        await peer.say_close(1000)
        assert await peer.hears_close() == 1000
        await peer.read_to_the_end()
    assert ends == ["end"]


async def test_an_accept_that_is_never_made_ends_with_its_limit() -> None:
    app = app_with()

    @app.websocket("/ws")
    async def ws() -> None:
        await trio.sleep_forever()

    async with serving(app, SHORT) as house:
        peer = await house.connect()
        await peer.send(upgrade())
        assert await peer.read_to_the_end() == b""


async def test_resets_in_the_middle_of_a_frame_leave_nothing_behind() -> None:
    async def count(house: House) -> int:
        return house.listener.statistics().open_connections

    async with serving(app_with(echo)) as house:
        for _ in range(20):
            peer = await house.socket()
            await peer.send(frame(TEXT, b"x" * 1000)[:500])
            peer.stream.setsockopt(
                trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            await peer.hang_up()
        while await count(house):  # noqa: ASYNC110 - nobody tells
            await trio.sleep(0.01)
        assert len(house.listener.heartbeat) == 0


async def test_a_close_frame_in_the_same_packet_as_the_last_words() -> None:
    handler = Captured()
    async with serving(app_with(handler)) as house:
        peer = await house.socket()
        await peer.send(frame(TEXT, b"one") + frame(TEXT, b"two") + close_frame(1001))
        assert await peer.hears_close() == 1001
        await handler.ended.wait()
    assert handler.heard == ["one", "two"]
