"""A real node as a child process: its addresses, its output, its end.

Output is read by a thread, so that a test may look for a code or a line at any time.
A node lives as long as the fixture that started it; killing it takes its embedded
servers with it.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import trio

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds for a start or a stop on a busy machine
ADMIN = ("admin@contract.test", "a long password for the contract")
SIGNING_KEY = "a signing key of the contract's tests, so that they can forge tokens of any kind"

_LISTENING = re.compile(r"^(public|internal) listening on (http://\S+)$")


class Node:
    def __init__(self, data_dir: Path, **environment: str) -> None:
        base = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
        self._environment = {
            **base,
            "PUBLIC_BIND": "127.0.0.1:0",
            "INTERNAL_BIND": "127.0.0.1:0",
            "DATA_DIR": str(data_dir),
            "CC_ADMIN_EMAIL": ADMIN[0],
            "CC_ADMIN_PASSWORD": ADMIN[1],
            "LOG_FORMAT": "json",
            **environment,
        }
        self.lines: list[str] = []
        self.urls: dict[str, str] = {}
        self.admin_token = ""
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    def launch(self) -> None:
        """Start the process, without waiting for its listeners."""
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), "serve"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self.reader.start()

    def start(self) -> None:
        """Return when both listeners have said where they are."""
        self.launch()
        with self._news:
            done = self._news.wait_for(lambda: len(self.urls) == 2 or not self.alive, PATIENCE)
        assert done, "the node did not start:\n" + self.tail()
        assert self.alive, "the node ended at its start:\n" + self.tail()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                if found := _LISTENING.match(line):
                    self.urls[found[1]] = found[2]
                self._news.notify_all()
        process.stdout.close()
        process.wait()
        with self._news:
            self._news.notify_all()

    @property
    def process(self) -> "subprocess.Popen[str]":
        assert self._process is not None
        return self._process

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def public(self) -> str:
        return self.urls["public"]

    @property
    def internal(self) -> str:
        return self.urls["internal"]

    def tail(self) -> str:
        return "\n".join(self.lines[-30:])

    def codes_of(self, phone: str) -> list[str]:
        """Every code that the stub provider wrote for this phone, oldest first."""
        pattern = re.compile(rf"\[OTP STUB\] phone={re.escape(phone)} code=(\d{{6}})(?!\d)")
        return [found[1] for line in list(self.lines) for found in pattern.finditer(line)]

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, as soon as there is one."""
        with trio.fail_after(PATIENCE):
            return await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True)

    def stop(self) -> None:
        """End it, gently if it lets itself, and wait until it is gone."""
        if self.alive:
            self.signal()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)

    def admin(self) -> str:
        """The first admin's access token."""
        if not self.admin_token:
            body = {"email": ADMIN[0], "password": ADMIN[1]}
            answer = httpx.post(self.internal + "/internal/auth/login", json=body, trust_env=False)
            assert answer.status_code == 200, answer.text
            self.admin_token = answer.json()["access_token"]
        return self.admin_token
