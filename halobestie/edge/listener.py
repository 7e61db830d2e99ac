"""One listening address and every connection that came in by it.

Lives from the node's start to its drain. hypercorn's own server is not used (its accept
loop gives one connection a wake, its connections cannot be seen or ended, and a peer
that does not read hangs its shutdown); its protocol classes are, see http1.py.
"""

import errno
import socket
from math import inf

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from quart_trio import QuartTrio

from .apps import App
from .connection import Connection
from .heartbeat import Heartbeat
from .http1 import config_for
from .limits import BACKLOG, Limits
from .quart_socket import SocketHandling
from .statistics import Counters, Statistics
from .transport import accepted
from .wire import Wire

_ACCEPTS = 64  # connections taken in one wake
_BACK_OFF = 0.1  # seconds without descriptors or memory before the next try
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_SETTLE = 1.0  # seconds for tasks to end once their sockets are closed

_log = structlog.get_logger()


class Listener:
    """An ASGI app on one address: `await nursery.start(listener.serve)` returns when it accepts.

    `serve` runs the app's lifespan around its connections and returns after `close()`,
    when the last connection has ended. A QuartTrio app is given this edge's way of
    running WebSocket handlers.
    """

    def __init__(
        self,
        app: App,
        bind: str = "127.0.0.1:0",
        name: str = "public",
        *,
        limits: Limits | None = None,
    ) -> None:
        self.app = app
        self.name = name
        self.limits = limits or Limits()
        self.counters = Counters()
        self.config = config_for(self.limits)
        self.context = WorkerContext(None)
        self.heartbeat = Heartbeat(self.limits.ping_seconds, self.counters)
        self.closing = False
        self._bind = bind
        self._address: tuple[str, int] | None = None
        self._live: set[Connection] = set()
        self._accepting = trio.CancelScope()
        self._all_gone = trio.Event()
        if isinstance(app, QuartTrio):
            app.asgi_websocket_class = SocketHandling

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on; with port 0, the one it was given."""
        if self._address is None:
            raise RuntimeError(f"the {self.name} listener has not started")
        return self._address

    async def serve(
        self, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Accept and serve until closed. Raises OSError if the address cannot be had."""
        lifespan = Lifespan(ASGIWrapper(self.app), self.config, {})
        async with trio.open_nursery() as around:
            await around.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            with await _listen(self._bind) as sock:
                self._address = sock.getsockname()[:2]
                await self._serve_on(sock, task_status)
            await lifespan.wait_for_shutdown()
            around.cancel_scope.cancel()

    async def _serve_on(
        self, sock: socket.socket, task_status: trio.TaskStatus[tuple[str, int]]
    ) -> None:
        try:
            async with trio.open_nursery() as beating:
                beating.start_soon(self.heartbeat.run)
                async with trio.open_nursery() as connections:
                    with self._accepting:
                        task_status.started(self.address)
                        await self._accept(sock, connections)
                    sock.close()
                    if not self._live:
                        self._all_gone.set()
                beating.cancel_scope.cancel()
        finally:
            for connection in list(self._live):
                connection.kill()

    async def _accept(self, sock: socket.socket, nursery: trio.Nursery) -> None:
        while True:
            await trio.lowlevel.wait_readable(sock)
            for _ in range(_ACCEPTS):
                try:
                    client, remote = sock.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        await self._back_off(error)
                        break
                    continue  # this one connection was reset before we came to it
                self._begin(client, remote, nursery)

    async def _back_off(self, error: OSError) -> None:
        """Out of descriptors: the kernel keeps who waits, and idle ones make room."""
        self.counters.faults["exhausted"] += 1
        _log.warning("accept failed", listener=self.name, error=error.strerror)
        for connection in list(self._live):
            connection.end_if_idle()
        await trio.sleep(_BACK_OFF)

    def _begin(self, client: socket.socket, remote: tuple[str, int], nursery: trio.Nursery) -> None:
        try:
            transport = accepted(client, remote[:2], self.limits, self.counters)
        except OSError:
            client.close()  # reset between the accept and here
            return
        self.counters.accepted += 1
        connection = Connection(self, transport)
        self._live.add(connection)
        nursery.start_soon(connection.run)

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        self._live.discard(connection)
        if not self._live and self.closing:
            self._all_gone.set()

    def close(self) -> None:
        """Accept no more; end idle connections now, and each other one with the response
        it is in. WebSockets stay: it is for the app to say goodbye to them."""
        if self.closing:
            return
        self.closing = True
        self._accepting.cancel()
        for connection in list(self._live):
            connection.end_if_idle()

    async def finish(self, timeout: float = inf) -> int:
        """After `close()`: wait until no connection lives, at most `timeout` seconds, then
        hang up on the rest. How many those were."""
        with trio.move_on_after(timeout):
            await self._all_gone.wait()
        rest = list(self._live)
        for connection in rest:
            connection.kill()
        with trio.move_on_after(_SETTLE):
            await self._all_gone.wait()
        if rest:
            _log.warning("connections cut", listener=self.name, count=len(rest))
        return len(rest)

    def wires(self) -> list[Wire]:
        """The open WebSockets."""
        return [c.wire for c in self._live if c.wire is not None and c.wire.open]

    def statistics(self) -> Statistics:
        """What it has seen so far, and what is open now."""
        counters = self.counters
        return Statistics(
            name=self.name,
            address=self._address,
            accepting=self._address is not None and not self.closing,
            open_connections=len(self._live),
            open_sockets=sum(c.wire is not None for c in self._live),
            accepted=counters.accepted,
            requests=counters.requests,
            sockets=counters.sockets,
            frames_in=counters.frames_in,
            frames_out=counters.frames_out,
            bytes_in=counters.bytes_in,
            bytes_out=counters.bytes_out,
            failures=counters.failures,
            faults=dict(counters.faults),
        )


async def _listen(bind: str) -> socket.socket:
    """A non-blocking listening socket on "host:port" or "[v6]:port"."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    [(family, kind, proto, _, address), *_] = await trio.socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
