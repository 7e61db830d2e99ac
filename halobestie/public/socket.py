"""One connected app, as an actor: everything that goes out to it.

Lives as long as its connection, and holds frames until it has said hello. Several
frames go into one write. Its mailbox is the bound on what an app may fall behind:
when it is full the socket ends with 1013, and the app resumes. What it sent is kept
by seq, so that a message that comes twice (replayed, and live) is written once.
"""

from collections.abc import Callable, Mapping
from typing import assert_never
from uuid import UUID

import msgspec
import trio

from actors import Actor, Ask
from halobestie.chat.frames import message_frame
from halobestie.chat.messages import StoredMessage
from halobestie.edge import Wire
from halobestie.roster import CloseSocket, Push, PushAll, PushMessage, SocketMessage

QUEUE = 256  # frames that may wait for a slow app
TOO_SLOW, INTERNAL = 1013, 1011


class SayHello(msgspec.Struct, frozen=True):
    """The first frame; `last_seqs` is how far the app knows each session from it."""

    frame: bytes
    last_seqs: Mapping[UUID, int]

    def __repr__(self) -> str:
        return "SayHello(…)"


class Replay(Ask[None], frozen=True):
    """Write these messages of a session again, and hold back live ones until the end.

    Answered when they are written: the app's own pace.
    """

    session_id: UUID
    messages: tuple[StoredMessage, ...]


class EndReplay(Ask[int | None], frozen=True):
    """The rows are at their end. None when that is said to the app, else the seq to go
    on from: a live message was held back meanwhile."""

    session_id: UUID
    after_seq: int


class ResumedFrame(msgspec.Struct, frozen=True, tag="resumed", tag_field="type"):
    """A replay is complete."""

    session_id: UUID
    last_seq: int


Outgoing = SocketMessage | SayHello | Replay | EndReplay


class Socket(Actor[Outgoing]):
    def __init__(self, wire: Wire, *, fresh: bool) -> None:
        self._wire = wire
        self._fresh = fresh
        self._said_hello = False
        self._out: list[bytes] = []
        self._held: list[SocketMessage] = []
        # The highest seq written of each session; live messages at or below it are known.
        self._seen: dict[UUID, int] = {}
        # Sessions under replay: the highest live seq that was held back.
        self._replaying: dict[UUID, int] = {}
        self._close = TOO_SLOW, "too slow"

    async def started(self) -> None:
        if not self._fresh:
            # A crash has lost what was queued: the app must begin anew.
            self._close = INTERNAL, "internal error"
            self.stop()

    async def receive(self, message: Outgoing) -> int | None:
        match message:
            case SayHello(frame, last_seqs):
                self._out.append(frame)
                self._seen.update(last_seqs)
                self._said_hello = True
                held, self._held = self._held, []
                for earlier in held:
                    self._write(earlier)
            case Replay(session_id, messages):
                await self._replay(session_id, messages)
            case EndReplay(session_id, after_seq):
                return self._end_replay(session_id, after_seq)
            case Push() | PushAll() | PushMessage():
                if self._said_hello:
                    self._write(message)
                else:
                    self._held.append(message)
            case CloseSocket(code, reason):
                self._close = code, reason
                self.stop()
            case _:
                assert_never(message)
        return None

    def _write(self, message: SocketMessage) -> None:
        if isinstance(message, Push):
            self._out.append(message.frame)
        elif isinstance(message, PushAll):
            self._out.extend(message.frames)
        elif isinstance(message, PushMessage):
            session_id, seq = message.session_id, message.seq
            if session_id in self._replaying:
                self._replaying[session_id] = max(self._replaying[session_id], seq)
            elif seq > self._seen.get(session_id, 0):
                self._seen[session_id] = seq
                self._out.append(message.frame)

    # replay

    async def _replay(self, session_id: UUID, messages: tuple[StoredMessage, ...]) -> None:
        self._replaying.setdefault(session_id, 0)
        self._out.extend(message_frame(message) for message in messages)
        if messages:
            self._seen[session_id] = max(self._seen.get(session_id, 0), messages[-1].seq)
        await self.flush()

    def _end_replay(self, session_id: UUID, after_seq: int) -> int | None:
        held_back = self._replaying.get(session_id, 0)
        if held_back > after_seq:
            return after_seq
        self._replaying.pop(session_id, None)
        self._out.append(msgspec.json.encode(ResumedFrame(session_id, after_seq)))
        return None

    # the wire

    async def flush(self) -> None:
        """One write for everything that has gathered."""
        if not self._out:
            return
        frames, self._out = self._out, []
        try:
            await self._wire.send(frames)
        except trio.BrokenResourceError:
            self.stop()  # gone; its handler sees it too

    async def stopping(self) -> None:
        await self._wire.close(*self._close)

    def info(self) -> dict[str, object]:
        return {"said_hello": self._said_hello, "replaying": len(self._replaying)}


def once(wire: Wire) -> Callable[[], Socket]:
    """Makes a socket's actor; after a crash, one that says goodbye."""
    lives = iter((True,))
    return lambda: Socket(wire, fresh=next(lives, False))
