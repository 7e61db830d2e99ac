"""What control-center pages see live: one news source, any number of pages.

A Channel asks its source at most every so often, and only while somebody listens; the
work is done once for all of them. A newcomer gets the whole, then everyone the changes.
A Screen is one page's socket, and its mailbox is the bound on what the page may fall
behind: when it is full the socket ends with 1013, and the page begins anew. A crash of
a channel costs its listeners a second whole.
"""

from collections.abc import Callable
from typing import Protocol, assert_never

import msgspec
import trio

from actors import Actor, Kind, MailboxFull, Ref
from halobestie.callers import Caller
from halobestie.edge import Wire
from halobestie.handshake import Serve
from halobestie.house import House
from halobestie.ids import new_id
from halobestie.roster import CloseSocket, Entry, Push, PushAll, PushMessage, SocketMessage

QUEUE = 8  # frames that may wait for a slow page
TOO_SLOW, INTERNAL = 1013, 1011


class Source(Protocol):
    """Where news comes from."""

    async def look(self) -> bytes | None:
        """The frame that tells what has changed since the last look, if anything has."""
        ...

    def whole(self) -> bytes:
        """The frame that tells everything, as of the last look."""
        ...


class Screen(Actor[SocketMessage]):
    def __init__(self, wire: Wire, *, fresh: bool) -> None:
        self._wire = wire
        self._fresh = fresh
        self._out: list[bytes] = []
        self._close = TOO_SLOW, "too slow"

    async def started(self) -> None:
        if not self._fresh:
            # A crash has lost what was queued: the page must begin anew.
            self._close = INTERNAL, "internal error"
            self.stop()

    async def receive(self, message: SocketMessage) -> None:
        match message:
            case Push(frame) | PushMessage(frame=frame):
                self._out.append(frame)
            case PushAll(frames):
                self._out.extend(frames)
            case CloseSocket(code, reason):
                self._close = code, reason
                self.stop()
            case _:
                assert_never(message)

    async def flush(self) -> None:
        frames, self._out = self._out, []
        if not frames:
            return
        try:
            await self._wire.send(frames)
        except trio.BrokenResourceError:
            self.stop()  # gone; its handler sees it too

    async def stopping(self) -> None:
        await self._wire.close(*self._close)


class Join(msgspec.Struct, frozen=True):
    """Somebody new listens."""


class Look(msgspec.Struct, frozen=True):
    """See what has changed."""


class Audience:
    """Who listens to one channel. Outlives the channel's crashes."""

    def __init__(self) -> None:
        self.screens: set[Ref[SocketMessage]] = set()
        self.newcomers: set[Ref[SocketMessage]] = set()

    def add(self, screen: Ref[SocketMessage]) -> None:
        self.screens.add(screen)
        self.newcomers.add(screen)

    def discard(self, screen: Ref[SocketMessage]) -> None:
        self.screens.discard(screen)
        self.newcomers.discard(screen)


class Channel(Actor[Join | Look]):
    def __init__(self, audience: Audience, source: Source, every: float) -> None:
        self._audience = audience
        self._source = source
        self._every = every
        self._looked = False

    async def started(self) -> None:
        # The source is new, also after a crash: to everyone it tells the whole.
        self._audience.newcomers |= self._audience.screens
        self.deadlines.after("look", 0, Look())

    async def receive(self, message: Join | Look) -> None:
        match message:
            case Join() if self._looked:
                self._welcome()
            case Join():
                pass  # the first look, which comes at once, sees the newcomer
            case Look():
                await self._look()
            case _:
                assert_never(message)

    async def _look(self) -> None:
        audience = self._audience
        if not audience.screens:
            self.stop()  # and forget what was seen
            return
        change = await self._source.look()
        self._looked = True
        if change is not None:
            self._tell(audience.screens - audience.newcomers, change)
        self._welcome()
        self.deadlines.after("look", self._every, Look())

    def _welcome(self) -> None:
        newcomers, self._audience.newcomers = self._audience.newcomers, set()
        if newcomers:
            self._tell(newcomers, self._source.whole())

    def _tell(self, screens: set[Ref[SocketMessage]], frame: bytes) -> None:
        push = Push(frame)
        for screen in screens:
            try:
                screen.tell(push)
            except MailboxFull:
                self._audience.discard(screen)
                screen.stop()

    def info(self) -> dict[str, object]:
        return {"listeners": len(self._audience.screens)}


class Studio:
    """The channels of one house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._makers: dict[str, Callable[[], Channel]] = {}
        self._channels: Kind[Join | Look] = house.system.kind(
            "channel", lambda name: self._makers[name](), group="services"
        )
        self._screens: Kind[SocketMessage] = house.system.kind(
            "screen", None, group="sockets", capacity=QUEUE
        )

    def channel(self, name: str, source: Callable[[], Source], every: float) -> Serve:
        """What serves a socket from this source, asked every so many seconds."""
        audience = Audience()
        self._makers[name] = lambda: Channel(audience, source(), every)

        async def serve(caller: Caller, wire: Wire) -> None:
            await self._serve(caller, wire, name, audience)

        return serve

    async def _serve(self, caller: Caller, wire: Wire, name: str, audience: Audience) -> None:
        """One page, to its end. What it sends is of no interest."""
        lives = iter((True,))
        screen = self._screens.spawn(new_id(), lambda: Screen(wire, fresh=next(lives, False)))
        entry = Entry(screen, caller.id, caller.user_type, caller.session_id)
        self._house.roster.add(entry)  # signing out closes it, and so does the drain
        audience.add(screen)
        try:
            self._channels.ref(name).tell(Join())
            async for _ in wire:
                pass
        finally:
            audience.discard(screen)
            self._house.roster.remove(entry)
            screen.stop()
