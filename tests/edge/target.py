"""The target server in its own process, seen from a test."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from .clients import Client, get

ROOT = Path(__file__).parents[2]
SETTLE_SECONDS = 8.0
# The drain's bound, what linger and grace may take behind it, and a noisy machine.
STOP_SECONDS = 5.0


@dataclass
class Footprint:
    """What a leak would add to."""

    tasks: int
    fds: int


class Target:
    """One server process. `settled()` is the check behind every attack."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.edge.server", *arguments],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        self.port = int(json.loads(self.process.stdout.readline())["port"])
        assert self.get("/ping") == {"ok": True}
        self._calm = self._footprint(self.stats())

    def client(self, **options: Any) -> Client:
        return Client(self.port, **options)

    def socket(self, path: str = "/ws", *headers: bytes, **options: Any) -> Client:
        client = self.client(**options)
        client.shake_hands(path, *headers)
        return client

    def get(self, path: str) -> Any:
        client = self.client()
        client.send(get(path, b"Connection: close"))
        head, _, body = client.read_to_the_end().partition(b"\r\n\r\n")
        client.close()
        assert head.startswith(b"HTTP/1.1 200"), head
        return json.loads(body)

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self.get("/stats")
        return stats

    def _footprint(self, stats: dict[str, Any]) -> Footprint:
        return Footprint(stats["tasks"], stats["fds"])

    def settled(self) -> dict[str, Any]:
        """It lives, answers, and comes back to the tasks and descriptors it began with."""
        end = monotonic() + SETTLE_SECONDS
        while True:
            assert self.process.poll() is None, self.log()
            stats = self.stats()
            now = self._footprint(stats)
            if now.tasks <= self._calm.tasks and now.fds <= self._calm.fds:
                return stats
            assert monotonic() < end, (self._calm, now, stats["names"])
            threading.Event().wait(0.02)

    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        """SIGTERM; how many connections its drain had to cut. It must end in time with 0."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=STOP_SECONDS)
        assert self.process.returncode == 0, self.log()
        cut: int = json.loads(out)["cut"]
        return cut

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
