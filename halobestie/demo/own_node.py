"""A node that the demo started itself, and may therefore kill.

It runs as a child on free ports of loopback, on a DATA_DIR of its own. Its output is
kept in DATA_DIR/node.log, and read as it comes: the two `listening on` lines say where
it is, and `[OTP STUB]` lines are the phones on which mitras read their codes. Killed and
started again, it gets the ports it had, so that the apps find it.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from .codes import OneTimeCodes

READY_WITHIN = 60.0  # seconds; the first start makes a database
STOPS_WITHIN = 20.0  # the drain is bounded by DRAIN_TIMEOUT_SECONDS, 8 by default
RUN = [sys.executable, str(Path(__file__).resolve().parents[2] / "run.py")]

_LISTENING = re.compile(r"(public|internal) listening on (http://[^\s\"]+)")


class NodeFailed(Exception):
    """One line: why the node did not come up, and where its log is."""


class OwnNode:
    """Started, killed, started again, stopped. Made by `own_node`."""

    def __init__(
        self, nursery: trio.Nursery, data_dir: Path, environ: Mapping[str, str], command: list[str]
    ) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir / "node.log"
        self.codes = OneTimeCodes()
        self.listeners: dict[str, str] = {}
        self.starts = 0
        self._nursery = nursery
        self._command = command
        self._environ = {**environ, "DATA_DIR": str(data_dir), "LOG_FORMAT": "json"}
        self._environ.pop("PORT", None)  # would bind to every address
        self._process: trio.Process | None = None

    @property
    def public_url(self) -> str:
        return self.listeners["public"]

    @property
    def internal_url(self) -> str:
        return self.listeners["internal"]

    async def start(self) -> None:
        """Return once both listeners accept. NodeFailed if it ends before that."""
        binds = {
            f"{name.upper()}_BIND": self.listeners.get(name, "http://127.0.0.1:0")[len("http://") :]
            for name in ("public", "internal")
        }
        settled = trio.Event()
        self._process = await trio.lowlevel.open_process(
            self._command,
            env={**self._environ, **binds},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a ^C is for the demo, which stops the node in order
        )
        self.starts += 1
        self._nursery.start_soon(self._read_output, self._process, settled)
        with trio.move_on_after(READY_WITHIN):
            await settled.wait()
        code = self._process.poll()
        if code is not None or not settled.is_set():
            why = "was not up in time" if code is None else f"ended with {code} at its start"
            raise NodeFailed(f"the node {why}, see {self.log_path}")

    async def kill(self) -> None:
        """SIGKILL, as a machine would lose it. Return when the process is gone."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, and SIGKILL if that is not enough. The exit code; 0 if it never ran."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with trio.move_on_after(STOPS_WITHIN):
                await self._process.wait()
        if self._process.poll() is None:
            self._process.kill()
        return await self._process.wait()

    async def _read_output(self, process: trio.Process, settled: trio.Event) -> None:
        """Until the process closes its output. Settled: both listeners are up, or it ended."""
        assert process.stdout is not None
        seen: set[str] = set()
        rest = b""
        async with process.stdout, await trio.open_file(self.log_path, "ab") as log:
            async for chunk in process.stdout:
                await log.write(chunk)
                await log.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace")
                    self.codes.read(text)
                    for name, url in _LISTENING.findall(text):
                        self.listeners[name] = url
                        seen.add(name)
                if len(seen) == 2:
                    settled.set()
        await process.wait()
        settled.set()


@asynccontextmanager
async def own_node(
    data_dir: Path, environ: Mapping[str, str] = os.environ, command: list[str] = RUN
) -> AsyncIterator[OwnNode]:
    """A node on `data_dir`, up when the block begins and stopped when it ends."""
    async with trio.open_nursery() as nursery:
        node = OwnNode(nursery, data_dir, environ, command)
        try:
            await node.start()
            yield node
        finally:
            with trio.CancelScope(shield=True):
                await node.stop()
