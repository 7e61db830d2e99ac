"""The straight road: frames between one WebSocket and its handler, past ASGI and Quart.

A Wire begins when the app accepts a WebSocket and ends with the connection. The task
that iterates it reads the socket itself: no queue, no second task, and a handler that
does not read makes TCP hold the peer back. Messages arrive in order, at most once, and
everything that arrived before the peer closed or vanished is delivered before the
iteration ends. What is sent goes out in the order of the calls; a send that returned
says that the kernel has it, no more.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

import trio

from .frames import (
    ABNORMAL,
    NORMAL,
    PING,
    PONG,
    FrameReader,
    encode_close,
    encode_frame,
    encode_texts,
)
from .limits import Limits
from .statistics import Counters
from .transport import PeerGone, Transport

_BURST = 32  # messages delivered from one read before others get a turn
_PING = encode_frame(PING, b"")


class Owner(Protocol):
    """What a wire needs of the connection it belongs to."""

    @property
    def spawn(self) -> Callable[..., None]: ...

    def peer_gone(self) -> None: ...


class Wire:
    """One accepted WebSocket. One task iterates; any number may send or close.

    `close_code` is None while it is open, then the code of whoever closed first:
    the peer's, ours, or 1006 when the peer vanished without one.
    """

    __slots__ = (
        "_burst", "_closing", "_counters", "_limits", "_over", "_owner", "_reader",
        "_reading", "_ready", "_transport", "_turn", "beat", "close_code", "heard",
    )  # fmt: skip

    def __init__(
        self, transport: Transport, owner: Owner, limits: Limits, counters: Counters
    ) -> None:
        self.close_code: int | None = None
        self.heard = trio.current_time()  # when the peer last sent anything
        self.beat = 0  # the heartbeat's own mark
        self._transport = transport
        self._owner = owner
        self._limits = limits
        self._counters = counters
        self._reader = FrameReader(limits.message_bytes, limits.fragments)
        self._ready: list[str] = []  # texts not yet delivered, the next one last
        self._burst = 0
        self._reading = False
        self._closing = False  # our close frame is out: nothing may follow it
        self._over = False  # nothing more will come in
        self._turn: trio.Event | None = None  # set when the reading task has read

    def __repr__(self) -> str:
        state = "open" if self.close_code is None else f"closed {self.close_code}"
        return f"<Wire {self.remote[0]}:{self.remote[1]} {state}>"

    @property
    def remote(self) -> tuple[str, int]:
        """Address and port of the peer (of the proxy, if there is one)."""
        return self._transport.remote

    # -- reading

    def __aiter__(self) -> "Wire":
        return self

    async def __anext__(self) -> str:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            self._burst = 0
            await self._read_on()
        self._burst += 1
        if self._burst > _BURST:
            self._burst = 0
            await trio.lowlevel.checkpoint()
        return self._ready.pop()

    async def _read_on(self) -> None:
        """Read, or wait while another task does: a closer and the iterator take turns."""
        if not self._reading:
            await self._read()
        else:
            if self._turn is None:
                self._turn = trio.Event()
            await self._turn.wait()

    async def _read(self) -> None:
        """One read of the socket, and what the protocol owes for it."""
        self._reading = True
        try:
            data = await self._transport.receive()
        finally:
            self._reading = False
            if self._turn is not None:
                self._turn.set()
                self._turn = None
        if not data:
            self._end(ABNORMAL)
            return
        self.heard = trio.current_time()
        reader = self._reader
        before = reader.frames
        texts = reader.feed(data)
        self._counters.frames_in += reader.frames - before
        if texts and not self._closing:
            texts.reverse()
            self._ready = texts
        if reader.ping is not None:
            payload, reader.ping = reader.ping, None
            self._try_control(encode_frame(PONG, payload))
        if reader.closed is not None:
            await self._answer_close(reader.closed)
        elif reader.fault is not None:
            self._counters.faults[reader.fault.kind] += 1
            await self._answer_close(reader.fault.code, reader.fault.kind)

    async def _answer_close(self, code: int, reason: str = "") -> None:
        """Nothing more comes in: the peer's close frame, or a fault. Say so, unless we did."""
        if not self._closing:
            self._closing = True
            self.close_code = code
            with trio.move_on_after(self._limits.close_seconds):
                try:
                    await self._transport.send(encode_close(code, reason))
                except PeerGone:
                    pass
        self._end(code)

    def _end(self, code: int) -> None:
        self._over = True
        if self.close_code is None:
            self.close_code = code
        self._owner.peer_gone()

    # -- writing

    async def send(self, frames: Sequence[bytes]) -> None:
        """Send each of `frames` (UTF-8 text) as one message, all in one write.

        Waits only while the peer does not take what was sent, at most the send limit.
        Raises PeerGone (a trio.BrokenResourceError) when the wire is closed, the peer is gone, or
        did not read for that long.
        """
        if self._closing or self._over:
            raise PeerGone("the wire is closed")
        self._counters.frames_out += len(frames)
        try:
            await self._transport.send(encode_texts(frames))
        except PeerGone:
            self._owner.peer_gone()
            raise

    def send_nowait(self, frames: Sequence[bytes]) -> bool:
        """As `send` without waiting: False, and nothing sent, if earlier bytes still wait."""
        if self._closing or self._over:
            raise PeerGone("the wire is closed")
        if not self._transport.try_send(encode_texts(frames)):
            return False
        self._counters.frames_out += len(frames)
        if self._transport.pending:
            self._owner.spawn(self._flush)
        return True

    async def _flush(self) -> None:
        try:
            await self._transport.flush()
        except PeerGone:
            pass  # the reader sees it too

    def ping(self) -> None:
        """Ask whether the peer lives, unless earlier bytes still wait to be written."""
        if not self._closing and not self._over:
            self._try_control(_PING)

    def _try_control(self, frame: bytes) -> None:
        """A ping or pong is worth no wait and no memory: it goes now or not at all."""
        if self._closing:
            return
        try:
            self._transport.try_send(frame)
        except PeerGone:
            self._owner.peer_gone()  # the reader sees it too, if one reads

    # -- ending

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Send a close frame and read on, forgetting, until the peer's; then hang up.

        Returns within the close limit (2 s) whatever the peer does. What the peer sent
        meanwhile is dropped. The first call decides the code; others wait with it.
        """
        with trio.move_on_after(self._limits.close_seconds) as patience:
            try:
                await self._say_goodbye(code, reason)
            except PeerGone:
                self._end(ABNORMAL)
        if patience.cancelled_caught:
            self._counters.faults["no_close_reply"] += 1
            self.kill()

    async def _say_goodbye(self, code: int, reason: str) -> None:
        if not self._closing and not self._over:
            self._closing = True
            self.close_code = code
            self._ready.clear()
            await self._transport.send(encode_close(code, reason))
        while not self._over:
            await self._read_on()

    def kill(self) -> None:
        """Hang up now, without a word. The iteration ends, senders get PeerGone."""
        self._transport.kill()
        self._end(ABNORMAL)

    # -- for the connection and its heartbeat

    @property
    def open(self) -> bool:
        return not self._closing and not self._over

    @property
    def faulty(self) -> bool:
        """Closed for a fault of the peer, which may be sending on."""
        return self._reader.fault is not None

    def silent_for(self, now: float) -> float:
        """Seconds since the peer sent anything, for ever if it has gone unnoticed because
        nobody reads. Input that waits for a busy handler counts as just heard: then it is
        we who are silent."""
        if not self._reading:
            waiting = self._transport.peek()
            if waiting is None:
                return inf
            if waiting:
                self.heard = now
        return now - self.heard
