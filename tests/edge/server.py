"""The target of the edge's tests: a small QuartTrio app in a process of its own.

Prints its port, serves until SIGTERM, and prints how its drain went. `/stats` tells what
a leak would show in: tasks, descriptors, memory, and the listener's own statistics.
Short clocks, so that no test waits for a long one.
"""

import gc
import json
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import structlog
import trio
from quart import request, websocket
from quart_trio import QuartTrio

from halobestie.edge import Limits, Listener, take_wire

LIMITS = Limits(
    head_seconds=0.8,
    idle_seconds=1.0,
    body_seconds=3.0,
    handshake_seconds=2.0,
    send_seconds=0.8,
    grace_seconds=0.5,
    linger_seconds=2.0,
    close_seconds=0.5,
    ping_seconds=1.0,
)
DRAIN_SECONDS = 1.5


class State:
    """What a handler did, for the tests to ask after."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.ended: dict[str, int] = {}


def make_app(state: State) -> QuartTrio:
    app = QuartTrio("edge-target")
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024

    @app.get("/ping")
    async def ping() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/slow")
    async def slow() -> dict[str, bool]:
        await trio.sleep(request.args.get("t", 0.1, type=float))
        return {"ok": True}

    @app.post("/post")
    async def post() -> dict[str, int]:
        return {"n": len(await request.get_data())}

    @app.post("/noread")
    async def noread() -> tuple[dict[str, int], int]:
        return {"n": 0}, 401

    @app.get("/big")
    async def big() -> str:
        return "x" * 20_000_000

    @app.get("/boom")
    async def boom() -> str:
        raise RuntimeError("a bug in a handler")

    @app.get("/heard")
    async def heard() -> dict[str, Any]:
        return {"heard": state.heard, "ended": state.ended}

    _sockets(app, state)
    app.asgi_app = without_receive(app.asgi_app)  # type: ignore[method-assign]
    return app


def without_receive(app: Any) -> Any:
    """/raw: an ASGI app that answers and never asks for the body."""

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/raw":
            await app(scope, receive, send)
            return
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return raw


def _sockets(app: QuartTrio, state: State) -> None:
    @app.websocket("/ws")
    async def echo() -> None:
        await websocket.accept()
        wire = take_wire(websocket)
        async for text in wire:
            await wire.send([text.encode()])

    @app.websocket("/slowaccept")
    async def slow_accept() -> None:
        await trio.sleep(0.3)
        await echo()

    @app.websocket("/reject")
    async def reject() -> tuple[dict[str, str], int]:
        return {"error": "no"}, 401

    @app.websocket("/flood")
    async def flood() -> None:
        await websocket.accept()
        wire = take_wire(websocket)
        while True:
            await wire.send([b"x" * 100_000])

    @app.websocket("/push")
    async def push() -> None:
        await websocket.accept()
        wire = take_wire(websocket)
        while True:
            await wire.send([b"tick"])
            await trio.sleep(0.01)

    @app.websocket("/slowread/<name>")
    async def slow_read(name: str) -> None:
        """Hears everything, and is slower than whoever speaks."""
        await websocket.accept()
        wire = take_wire(websocket)
        async for text in wire:
            await trio.sleep(0.002)
            state.heard.append(text)
        assert wire.close_code is not None
        state.ended[name] = wire.close_code

    @app.websocket("/deaf")
    async def deaf() -> None:
        """Never reads."""
        await websocket.accept()
        await trio.sleep_forever()

    @app.websocket("/fails")
    async def fails() -> None:
        await websocket.accept()
        async for _ in take_wire(websocket):
            raise RuntimeError("a bug in a handler")

    @app.websocket("/closes/<int:code>")
    async def closes(code: int) -> None:
        await websocket.accept()
        wire = take_wire(websocket)
        await wire.send([b"first", b"second"])
        await wire.close(code, "enough")

    @app.websocket("/quart")
    async def through_quart() -> None:
        """Quart's own calls, without the straight road."""
        while True:
            await websocket.send("quart " + await websocket.receive())


def tasks() -> dict[str, int]:
    """How many tasks of each name live."""
    names: dict[str, int] = {}
    root = trio.lowlevel.current_root_task()
    stack = [root] if root is not None else []
    while stack:
        task = stack.pop()
        name = task.name.rpartition(".")[2]
        names[name] = names.get(name, 0) + 1
        for nursery in task.child_nurseries:
            stack.extend(nursery.child_tasks)
    return names


def statistics(listener: Listener) -> dict[str, Any]:
    gc.collect()
    process = psutil.Process()
    names = tasks()
    return {
        "tasks": sum(names.values()),
        "names": names,
        "rss": process.memory_info().rss,
        "fds": process.num_fds(),
        "edge": asdict(listener.statistics()),
    }


def log_to_stderr() -> None:
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def main(files: int | None) -> None:
    log_to_stderr()
    state = State()
    app = make_app(state)
    listener = Listener(app, "127.0.0.1:0", name="target", limits=LIMITS)

    @app.get("/stats")
    async def stats() -> dict[str, Any]:
        return statistics(listener)

    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            await nursery.start(listener.serve)
            if files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
            print(json.dumps({"port": listener.address[1]}), flush=True)
            async for _ in signals:
                break
            listener.close()
            for wire in listener.wires():
                nursery.start_soon(wire.close, 1012, "restart")
            cut = await listener.finish(DRAIN_SECONDS)
            print(json.dumps({"cut": cut}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else None)
