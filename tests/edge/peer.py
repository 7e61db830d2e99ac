"""A listener inside the test, and a client of it on trio."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import trio
from quart import websocket
from quart_trio import QuartTrio

from halobestie.edge import Limits, Listener, Wire, take_wire

from .clients import CLOSE, TEXT, close_frame, frame, get, upgrade

# Short enough to wait for, long enough for a machine with other work to do.
SHORT = Limits(
    head_seconds=0.5,
    idle_seconds=0.5,
    body_seconds=0.5,
    handshake_seconds=0.5,
    send_seconds=0.5,
    grace_seconds=0.3,
    linger_seconds=0.2,
    close_seconds=0.4,
)
LONG = replace(Limits(), grace_seconds=60.0)
Handler = Callable[[Wire], Awaitable[None]]


class Peer:
    """The other end of one connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._unread = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def say(self, *texts: str) -> None:
        await self.send(b"".join(frame(TEXT, text.encode()) for text in texts))

    async def say_close(self, code: int = 1000) -> None:
        await self.send(close_frame(code))

    async def read(self) -> bytes:
        """Some bytes; b"" at the end, however it came."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            return bytes(await self.stream.receive_some(65536))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def read_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = await self.read()
            if not more:
                raise EOFError(data)
            data += more
        data, self._unread = data[:count], data[count:]
        return data

    async def read_to_the_end(self) -> bytes:
        data = b""
        while more := await self.read():
            data += more
        return data

    async def read_head(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += await self.read_exactly(1)
        return data

    async def read_response(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of the next response."""
        head = await self.read_head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return int(head.split(b" ", 2)[1]), head, await self.read_exactly(length)

    async def ask(self, path: str, *headers: bytes) -> int:
        await self.send(get(path, *headers))
        status, _, _ = await self.read_response()
        return status

    async def hears(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        first, length = await self.read_exactly(2)
        if length == 126:
            length = int.from_bytes(await self.read_exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(await self.read_exactly(8), "big")
        return first & 0x0F, await self.read_exactly(length)

    async def hears_text(self) -> str:
        opcode, payload = await self.hears()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    async def hears_close(self) -> int:
        opcode, payload = await self.hears()
        assert opcode == CLOSE, (opcode, payload)
        return int.from_bytes(payload[:2], "big") if payload else 1005

    async def hang_up(self) -> None:
        await self.stream.aclose()


class House:
    """A running listener and its clients."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._peers: list[Peer] = []

    async def connect(self, *, receive_buffer: int | None = None) -> Peer:
        sock = trio.socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_buffer)
        try:
            await sock.connect(self.listener.address)
        except OSError:
            sock.close()
            raise
        self._peers.append(Peer(trio.SocketStream(sock)))
        return self._peers[-1]

    def hang_up(self) -> None:
        for peer in self._peers:
            peer.stream.socket.close()

    async def socket(
        self, path: str = "/ws", *headers: bytes, receive_buffer: int | None = None
    ) -> Peer:
        peer = await self.connect(receive_buffer=receive_buffer)
        await peer.send(upgrade(path, *headers))
        head = await peer.read_head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        return peer


def app_with(handler: Handler | None = None) -> QuartTrio:
    app = QuartTrio("test")
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024

    @app.get("/ping")
    async def ping() -> dict[str, bool]:
        return {"ok": True}

    if handler is not None:

        @app.websocket("/ws")
        async def ws() -> None:
            await websocket.accept()
            await handler(take_wire(websocket))

    return app


@asynccontextmanager
async def serving(app: QuartTrio, limits: Limits = LONG) -> AsyncIterator[House]:
    """The app behind a listener; at the end every connection is cut."""
    listener = Listener(app, name="test", limits=limits)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(listener.serve)
            house = House(listener)
            yield house
            listener.close()
            await listener.finish(0)
            house.hang_up()
