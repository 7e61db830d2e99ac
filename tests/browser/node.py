"""A whole server as people start it, in a process of its own, with its embedded databases."""

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds for a start, and for a stop
ADMIN = ("admin@halobestie.local", "kata sandi untuk uji")


class Node:
    """Where it listens, and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._fresh: queue.Queue[str | None] = queue.Queue()  # None: it has ended
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.public = self._said(r"public listening on (\S+)")
        self.internal = self._said(r"internal listening on (\S+)")

    def code_for(self, phone: str) -> str:
        """The code that was sent to a phone."""
        return self._said(rf"\[OTP STUB\] phone={re.escape(phone)} code=(\d+)")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._fresh.put(line)
        self._fresh.put(None)

    def _said(self, pattern: str) -> str:
        for line in self.lines:
            if found := re.search(pattern, line):
                return found[1]
        while True:
            try:
                line = self._fresh.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"the node never said {pattern}: {''.join(self.lines)}")
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found[1]


@contextmanager
def running_node(folder: Path, **environ: str) -> Iterator[Node]:
    """Serves until the block ends."""
    keep = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    process = subprocess.Popen(
        [sys.executable, "run.py", "serve"],
        cwd=ROOT,
        env={
            **keep,
            "DATA_DIR": str(folder),
            "PUBLIC_BIND": "127.0.0.1:0",
            "INTERNAL_BIND": "127.0.0.1:0",
            "CC_ADMIN_EMAIL": ADMIN[0],
            "CC_ADMIN_PASSWORD": ADMIN[1],
            "OTP_COOLDOWN_SECONDS": "1",
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Node(process)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            assert process.stdout is not None
            process.stdout.close()
