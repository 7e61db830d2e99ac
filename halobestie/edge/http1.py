"""HTTP/1.1 between one connection and the app: hypercorn's protocol class, hardened.

hypercorn is pinned to 0.18.x, because this overrides inner methods of it. Overridden,
and why (measured with 88 hostile inputs, 12 of which end a stock hypercorn):

- requests are checked before a stream is made: HTTP/2 by prior knowledge and h2c cannot
  be switched off there and have three ways to raise out of the connection; a byte above
  0x7f in a handshake header is a UnicodeDecodeError in the reading task;
- bytes behind an upgrade request are refused (hypercorn issue 225, open; its fix 228
  was reverted), and the h11 connection stays in place until the app has accepted, so a
  refused handshake is an ordinary response;
- `_maybe_recycle` is shielded: quart-trio cancels its handler the moment it sees the
  disconnect event, which is in the middle of this very call, and then `Connection:
  close` was never executed and the keep-alive clock never started again;
- head and first body bytes leave in one write; body bytes of one read reach the app as
  one event (one-byte chunks cost 30 µs each otherwise).

No module of hypercorn is changed: the two classes it makes by name are made here.
"""

from itertools import chain
from typing import TYPE_CHECKING, Any

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Event, Request, Response
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from .handshake import Handshake
from .limits import Limits
from .refusals import Refused, check_request, problem, wants_websocket

if TYPE_CHECKING:
    from .connection import Connection

_TURN = 128  # h11 events of one read (tiny chunks) before others get a turn


def config_for(limits: Limits) -> Config:
    """hypercorn's settings, as far as its protocol classes still read them."""
    config = Config()
    config.accesslog = None  # it would log query strings, and these carry access tokens
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = limits.head_bytes
    config.max_app_queue_size = 4  # times one read: what a body may take while the app is busy
    config.keep_alive_max_requests = 10_000
    return config


class Http1(H11Protocol):
    """One connection's HTTP, request after request, until it switches or ends."""

    connection: h11.Connection

    def __init__(self, owner: "Connection", config: Config, context: WorkerContext) -> None:
        super().__init__(
            owner.app,  # type: ignore[arg-type]  # only handed on to spawn_app
            config,
            context,
            owner.tasks,  # type: ignore[arg-type]  # has what the streams call: spawn_app
            ConnectionState({}),
            False,
            owner.transport.remote,
            owner.local,
            owner.take,
        )
        self.switched = False  # to a WebSocket: nothing is read here any more
        self._owner = owner
        self._refused = False
        self._head = b""  # of a response, until its first body bytes come

    @property
    def early_data(self) -> bool:
        """Input that stands behind the current request, unread by it."""
        return bool(self.connection.trailing_data[0])

    @property
    def mid_request(self) -> bool:
        """The peer may be sending what will not be read: a body, or anything after a fault."""
        return self._refused or self.connection.their_state in (h11.SEND_BODY, h11.ERROR)

    @property
    def awaits_head(self) -> bool:
        return self.connection.their_state is h11.IDLE

    @property
    def awaits_body(self) -> bool:
        return self.connection.their_state is h11.SEND_BODY

    @property
    def can_answer(self) -> bool:
        """Whether a request came in whole and its answer may still be going out."""
        return self.stream is not None and self.connection.their_state is not h11.ERROR

    # -- in

    async def _handle_events(self) -> None:
        body = bytearray()
        steps = 0
        while True:
            steps += 1
            if steps % _TURN == 0:
                await trio.lowlevel.checkpoint()
            if self.connection.they_are_waiting_for_100_continue:
                await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                event = self.connection.next_event()
                if isinstance(event, h11.Data):
                    body += event.data
                    continue
                if body:
                    await self._deliver(Body(stream_id=STREAM_ID, data=bytes(body)))
                    body.clear()
                if isinstance(event, h11.Request):
                    await self.send(Updated(idle=False))
                    await self._create_stream(event)
                    continue
            except h11.RemoteProtocolError as error:
                await self.refuse(error.error_status_hint, "malformed")
                return
            except Refused as refused:
                await self.refuse(refused.status, refused.kind)
                return
            if isinstance(event, h11.EndOfMessage):
                await self._deliver(EndBody(stream_id=STREAM_ID))
            elif event is h11.PAUSED:
                await self.can_read.clear()
                await self.can_read.wait()
                if self.switched:
                    return
            else:  # NEED_DATA, ConnectionClosed
                return

    async def _deliver(self, event: Event) -> None:
        if self.stream is not None:  # else the response has ended already
            await self.stream.handle(event)

    async def _create_stream(self, request: h11.Request) -> None:
        target = check_request(request)
        stream: HTTPStream | Handshake
        kind: Any = HTTPStream
        if wants_websocket(request):
            if self.early_data:
                raise Refused(400, "early_data")
            kind = Handshake
            self._owner.handshake_begins()
        stream = kind(
            self.app, self.config, self.context, self.task_group, self.ssl,
            self.client, self.server, self.stream_send, STREAM_ID,
        )  # fmt: skip
        if isinstance(stream, Handshake):
            stream.owner = self._owner
        self.stream = stream
        self.keep_alive_requests += 1
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=target,
                state=self.connection_state,
            )
        )

    # -- out

    async def refuse(self, status: int, kind: str) -> None:
        """Count the fault, answer if the answer has not begun, and hang up."""
        self._owner.counters.faults[kind] += 1
        self._refused = True
        if self.connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers, body = problem(status)
            await self._send_h11_event(
                h11.Response(
                    status_code=status,
                    headers=list(chain(headers, self.config.response_headers("h11"))),
                )
            )
            await self._send_h11_event(h11.Data(data=body))
            await self._send_h11_event(h11.EndOfMessage())
        await self.send(Closed())

    async def stream_send(self, event: Event) -> None:
        # A response that is ready before the body is in also ends the connection, and says
        # so: a client that sent its next request on it would get no answer.
        ending = self._owner.closing or self.awaits_body
        if ending and isinstance(event, Response) and event.status_code >= 200:
            event = Response(
                stream_id=event.stream_id,
                headers=[*event.headers, (b"connection", b"close")],
                status_code=event.status_code,
            )
        await super().stream_send(event)

    async def _send_h11_event(self, event: Any) -> None:
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response):
            self._head = data or b""
            return
        if self._head:
            data = self._head + (data or b"")
            self._head = b""
        if data:
            await self.send(RawData(data))

    async def _maybe_recycle(self) -> None:
        with trio.CancelScope(shield=True):  # waits for no client: every step is immediate
            await super()._maybe_recycle()

    async def switch(self) -> None:
        """The WebSocket has the connection: let the reader go."""
        self.switched = True
        self.stream = None
        await self.can_read.set()
