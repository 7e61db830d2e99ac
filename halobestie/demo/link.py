"""An app's socket, which comes back.

Frames in go to `on_frame` in the order of the wire. Frames out are queued in memory and
written by one task; what was queued when the socket broke is gone: whoever needs it
delivered sends it again after the next `hello` (the outbox of `conversation` does).
Between sockets it waits with jitter, or as long as `server_draining` asked.
"""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)

from .account import Account, SignedOut
from .api import Away, Backoff

Frame = dict[str, Any]

HANDSHAKE = 5.0  # seconds, to connect and to be answered
PING_EVERY = 20.0
SILENCE = 60.0  # seconds without a frame, three pings unanswered: the socket is dead
TOKEN_BAD, FORBIDDEN = 4401, 4403


class Link:
    """At most one socket at a time, for one account and one path."""

    def __init__(self, account: Account, path: str, on_frame: Callable[[Frame], None]) -> None:
        self._account = account
        self._host = urlsplit(account.api.base_url)
        self._path = path
        self._on_frame = on_frame
        self._backoff = Backoff(account.api.rng)
        self._asked_to_wait: float | None = None
        self._outgoing: trio.MemorySendChannel[Frame] | None = None
        self.sockets = 0  # opened so far
        self.up = False  # hello was said

    def post(self, frame: Frame) -> None:
        """Send it on the socket that is up; without one, drop it."""
        if self.up and self._outgoing is not None:
            self._outgoing.send_nowait(frame)

    async def run(self) -> None:
        """Keep a socket up until cancelled. SignedOut when the server wants no more of us."""
        while True:
            token = await self._account.token()
            code = await self._one_socket(token)
            if code == FORBIDDEN:
                raise SignedOut("the socket was forbidden")
            if code == TOKEN_BAD:
                await self._renew(token)
            wait, self._asked_to_wait = self._asked_to_wait, None
            await trio.sleep(self._backoff.next() if wait is None else wait)

    async def _renew(self, token: str) -> None:
        try:
            await self._account.renew(token)
        except Away:
            pass  # the next socket finds out

    async def _one_socket(self, token: str) -> int | None:
        """From the handshake to the end of it; the close code, as far as there is one."""
        code: int | None = None
        try:
            # Our own stream: trio-websocket leaves it open when the server closes first.
            async with await self._dial() as stream, trio.open_nursery() as nursery:
                with trio.fail_after(HANDSHAKE):
                    socket = await wrap_client_stream(
                        nursery,
                        stream,
                        self._host.netloc,
                        self._path,
                        extra_headers=[(b"Authorization", f"Bearer {token}".encode())],
                    )
                self.sockets += 1
                await self._attend(socket)
                code = socket.closed.code if socket.closed is not None else None
                nursery.cancel_scope.cancel()
        except* ConnectionRejected as rejections:
            for rejection in rejections.exceptions:
                if isinstance(rejection, ConnectionRejected):
                    code = {401: TOKEN_BAD, 403: FORBIDDEN}.get(rejection.status_code)
        except* (OSError, trio.BrokenResourceError, trio.TooSlowError, ConnectionClosed):
            pass  # there is no node, or there was one
        finally:
            self.up, self._outgoing = False, None
        return code

    async def _dial(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        host = self._host.hostname or ""
        with trio.fail_after(HANDSHAKE):
            if self._host.scheme == "https":
                return await trio.open_ssl_over_tcp_stream(host, self._host.port or 443)
            return await trio.open_tcp_stream(host, self._host.port or 80)

    async def _attend(self, socket: WebSocketConnection) -> None:
        """Read, write and ping until one of them finds the socket closed or dead."""
        self._outgoing, queue = trio.open_memory_channel[Frame](math.inf)

        async def until_it_ends(part: Callable[[], Awaitable[None]]) -> None:
            try:
                await part()
            except ConnectionClosed:
                pass
            nursery.cancel_scope.cancel()

        async def read() -> None:
            with trio.move_on_after(SILENCE) as patience:
                while True:
                    frame: Frame = json.loads(await socket.get_message())
                    patience.deadline = trio.current_time() + SILENCE
                    self._take(frame)

        async def write() -> None:
            async for frame in queue:
                await socket.send_message(json.dumps(frame))

        async def ping() -> None:
            while True:
                await trio.sleep(PING_EVERY)
                self.post({"type": "ping"})

        async with trio.open_nursery() as nursery:
            for part in (read, write, ping):
                nursery.start_soon(until_it_ends, part)

    def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "hello":
                self.up = True
                self._backoff.reset()
            case "server_draining":
                self._asked_to_wait = frame["reconnect_in_ms"] / 1000
            case _:
                pass
        self._on_frame(frame)
