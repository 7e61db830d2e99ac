"""One TCP connection, from the accept to the last byte.

Owns the transport, the tasks of the app that serve it, and its clocks. Nothing that a
client does leaves `run()`: faults are counted, exceptions of ours are logged, and what
remains is cancellation from the listener. Its own CancelScope is the only one that is
ever cancelled here: one that belonged to hypercorn would lose its verdict.

    reading ──▶ busy ──▶ reading …           keep-alive
       │          │
       │          └─▶ handshake ──▶ wire     the Wire reads from then on
       └──────────────┴───────────────▶ lingering ──▶ closed
"""

from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING

import trio
from hypercorn.events import Closed, Event, RawData, Updated

from .apps import App, AppTasks, contained
from .http1 import Http1
from .transport import PeerGone, Transport
from .wire import Wire

if TYPE_CHECKING:
    from .listener import Listener


class Phase(Enum):
    """What the connection waits for, and so which clock runs."""

    IDLE = auto()  # the next request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body
    BUSY = auto()  # the app
    WIRE = auto()  # the handler of a WebSocket


class Connection:
    """One client, as long as TCP holds."""

    def __init__(self, listener: "Listener", transport: Transport) -> None:
        self.transport = transport
        self.counters = listener.counters
        self.local = listener.address
        self.app: App = listener.app
        self.tasks: AppTasks
        self.wire: Wire | None = None
        self._listener = listener
        self._limits = listener.limits
        self._scope = trio.CancelScope()  # the app and the reader
        self._reading = trio.CancelScope()  # the reader; its deadline is the phase's
        self._http: Http1 | None = None
        self._phase = Phase.HEAD  # a client that connects has something to say
        self._handshaking = False
        self._killed = False

    @property
    def closing(self) -> bool:
        """Whether the response now going out is to be the last."""
        return self._listener.closing

    @property
    def spawn(self) -> Callable[..., None]:
        return self.tasks.spawn

    async def run(self) -> None:
        """Serve the connection until it ends. Raises nothing but cancellation."""
        try:
            with contained("connection failed", self.counters):
                with self._scope:
                    async with trio.open_nursery() as nursery:
                        self.tasks = AppTasks(nursery, self.counters)
                        self._http = Http1(self, self._listener.config, self._listener.context)
                        self._enter(Phase.HEAD)
                        await self._read()
                if self._peer_still_talks():
                    await self.transport.linger()
        finally:
            if self.wire is not None:
                self._listener.heartbeat.discard(self.wire)
            self.transport.kill()
            self._listener.forget(self)

    def _peer_still_talks(self) -> bool:
        """Whether closing now might reset the connection under our last words."""
        if self._killed:
            return False
        mid_sentence = self._http is not None and self._http.mid_request
        broken_off = self.wire is not None and self.wire.faulty
        return mid_sentence or broken_off or bool(self.transport.peek())

    # -- reading HTTP

    async def _read(self) -> None:
        """Feed the protocol until the peer is gone, a clock runs out, or a Wire takes over."""
        http = self._http
        assert http is not None
        with self._reading:
            while True:
                data = await self.transport.receive()
                await http.handle(RawData(data))
                if http.switched:
                    self._http = None  # and h11's buffers with it
                    return
                if not data:
                    break
                self._enter_after_read(http)
        if self._reading.cancelled_caught:
            await self._out_of_time(http)
        elif http.can_answer and self._phase is Phase.BUSY:
            # The peer sent its request and has hung up, or only its half: the app may
            # finish what it does, and answer whoever still listens.
            self.peer_gone()
            return
        await http.handle(Closed())  # tells the app, if one still runs
        self.peer_gone()

    def _enter_after_read(self, http: Http1) -> None:
        if http.awaits_body:
            phase = Phase.BODY
        elif not http.awaits_head:
            phase = Phase.BUSY
        elif http.early_data:
            phase = Phase.HEAD
        else:
            return  # answered already: _enter(IDLE) has been
        if phase is not self._phase:  # a clock is for the whole of its phase
            self._enter(phase)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        limits = self._limits
        seconds = {
            Phase.IDLE: limits.idle_seconds,
            Phase.HEAD: limits.head_seconds,
            Phase.BODY: limits.body_seconds,
        }.get(phase, inf)
        self._reading.deadline = trio.current_time() + seconds

    async def _out_of_time(self, http: Http1) -> None:
        """The reader was cancelled: by `take(Closed)`, or by the clock of its phase."""
        if trio.current_time() < self._reading.deadline:
            return
        if self._phase is Phase.BODY or (self._phase is Phase.HEAD and http.early_data):
            await http.refuse(408, f"slow_{self._phase.name.lower()}")

    def end_if_idle(self) -> None:
        """Hang up between two requests (the listener closes, or is out of descriptors)."""
        if self._phase is Phase.IDLE and not self.transport.peek():
            self._reading.cancel()

    # -- what the protocol sends

    async def take(self, event: Event) -> None:
        """The protocol's way out: bytes, its wish to end, and whether a request runs."""
        if isinstance(event, RawData):
            try:
                await self.transport.send(event.data)
            except PeerGone:
                self.hang_up()
                await trio.lowlevel.checkpoint()  # an app that streams on must not spin
        elif isinstance(event, Closed):
            self.hang_up()
        elif isinstance(event, Updated):
            if event.idle:
                self._handshake_ends()  # refused
                self._enter(Phase.IDLE)
                if self.closing:
                    self.end_if_idle()
            else:
                self.counters.requests += 1
                self._enter(Phase.BUSY)

    def hang_up(self) -> None:
        """Nothing more to say: end our half, stop reading requests."""
        self.transport.shutdown()
        self._reading.cancel()

    def peer_gone(self) -> None:
        """The app may finish what it does; what it cannot finish in time is cancelled."""
        deadline = trio.current_time() + self._limits.grace_seconds
        self._scope.deadline = min(self._scope.deadline, deadline)

    # -- from HTTP to a Wire

    def handshake_begins(self) -> None:
        """The app has a while to accept or refuse; nothing is read meanwhile."""
        self._handshaking = True
        self._scope.deadline = trio.current_time() + self._limits.handshake_seconds

    def _handshake_ends(self) -> None:
        if self._handshaking:
            self._handshaking = False
            self._scope.deadline = inf

    async def may_switch(self) -> bool:
        """Whether the peer has kept still until now, as it must; if not, it is cut off."""
        http = self._http
        assert http is not None
        waiting = self.transport.peek()
        if waiting is False and not http.early_data:
            return True
        if waiting is not None:
            await http.refuse(400, "early_data")
        self._scope.cancel()
        return False

    async def switch(self) -> Wire:
        """The 101 is out: the Wire has the transport from here."""
        assert self._http is not None
        self.wire = Wire(self.transport, self, self._limits, self.counters)
        self.counters.sockets += 1
        self._phase = Phase.WIRE
        self._handshake_ends()
        self._listener.heartbeat.add(self.wire)
        await self._http.switch()
        return self.wire

    def kill(self) -> None:
        """End it now: the socket is closed, the app cancelled."""
        self._killed = True
        self.transport.kill()
        self._scope.cancel()
