"""Echo servers to compare, one a process: `python -m tests.bench.edge_servers KIND`.

ours: Quart for the handshake, then the straight road. stock: quart-trio on
hypercorn.trio as they come. floor: a trio socket and our frame reader, nothing else.
Each prints its port and serves until it is killed.
"""

import base64
import hashlib
import socket
import sys

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import websocket
from quart_trio import QuartTrio

from halobestie.edge import Listener, take_wire
from halobestie.edge.frames import FrameReader, encode_texts

KINDS = ("ours", "stock", "floor")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def announce(port: int) -> None:
    print(port, flush=True)


def add_ping(app: QuartTrio) -> None:
    @app.get("/ping")
    async def ping() -> dict[str, bool]:
        return {"ok": True}


async def ours() -> None:
    app = QuartTrio("ours")

    @app.websocket("/ws")
    async def echo() -> None:
        await websocket.accept()
        wire = take_wire(websocket)
        async for text in wire:
            await wire.send([text.encode()])

    add_ping(app)
    listener = Listener(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(listener.serve)
        announce(listener.address[1])


async def stock() -> None:
    app = QuartTrio("stock")

    @app.websocket("/ws")
    async def echo() -> None:
        while True:
            await websocket.send(await websocket.receive())

    add_ping(app)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.errorlog = None
    config.backlog = 1024
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, config)
        announce(port)


async def floor() -> None:
    async def echo(stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some()
        [line] = [x for x in head.split(b"\r\n") if x.lower().startswith(b"sec-websocket-key:")]
        key = line.partition(b":")[2].strip()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        await stream.send_all(
            b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        reader = FrameReader(1 << 16, 1024)
        try:
            while data := await stream.receive_some(65536):
                if texts := reader.feed(data):
                    await stream.send_all(encode_texts([text.encode() for text in texts]))
        except trio.BrokenResourceError:
            pass

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    announce(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(echo, listeners)


if __name__ == "__main__":
    trio.run({"ours": ours, "stock": stock, "floor": floor}[sys.argv[1]])
