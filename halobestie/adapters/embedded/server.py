"""What both embedded servers share: one owner, start, watch, start again, stop."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import structlog
import trio

from halobestie.adapters.embedded.children import (
    AlreadyOwned,
    OwnerLock,
    User,
    end,
    server_user,
    spawn,
    wait_ended,
)

READY_WITHIN = 30.0  # seconds; crash recovery of a day's write-ahead log takes a few
POLL = 0.02  # seconds between looks at a starting server
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts to start a dead server again
LOG_BYTES = 10_000_000  # a server's log is set aside at a start once it is this long
SOCKET_PATH_BYTES = 100  # sun_path holds 108, and PostgreSQL appends .s.PGSQL.5432

log = structlog.get_logger(__name__)


class EmbeddedError(Exception):
    """One line: why an embedded server cannot run."""


class EmbeddedServer(ABC):
    """One server on one data directory: start, watch, stop."""

    name: ClassVar[str]
    _death_signal: ClassVar[signal.Signals]
    _stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]]

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._data = self._data_dir / self.name
        self._log_path = self._data_dir / f"{self.name}.log"
        self._lock: OwnerLock | None = None
        self._user: User | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = 0
        # From the data directory, so that a kill -9 leaves one folder at most, ever.
        digest = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:16]
        self._sockets = Path(tempfile.gettempdir()) / f"halobestie-{digest}"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect. The same for the whole life of the server."""

    def statistics(self) -> dict[str, object]:
        pid = self._process.pid if self._process else None
        return {"server": self.name, "pid": pid, "restarts": self._restarts}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the server alive until cancelled. Reports started once it accepts clients.

        EmbeddedError when it cannot start the first time; later deaths are mended.
        """
        await self.start()
        try:
            task_status.started()
            await self._watch()
        finally:
            with trio.CancelScope(shield=True):
                await self.stop()

    async def start(self) -> None:
        """Own the data directory and start the server. Pair it with `stop`."""
        try:
            await self._start()
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.stop()
            raise

    async def _start(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._lock = await OwnerLock.take(self._data_dir / f"{self.name}.lock")
            self._user = server_user(self._data)
            self._make_socket_folder()
            await self._prepare()
        except AlreadyOwned as error:
            raise EmbeddedError(
                f"DATA_DIR {self._data_dir} is in use: another node runs its {self.name} there"
            ) from error
        except (OSError, LookupError) as error:
            raise EmbeddedError(f"embedded {self.name} cannot start: {error}") from error
        await self._launch()

    async def stop(self) -> None:
        """Stop the server and let go of the data directory. Safe to call twice."""
        if self._process is not None:
            await end(self._process, *self._stop_steps)
            self._process = None
        if self._lock is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._lock.release()
            self._lock = None

    async def _watch(self) -> None:
        while True:
            assert self._process is not None
            code = await wait_ended(self._process)
            log.warning("embedded server died", server=self.name, exit_code=code)
            pause = FIRST_PAUSE
            while True:
                try:
                    await self._launch()
                    break
                except EmbeddedError as error:
                    log.warning(
                        "embedded server does not start", server=self.name, reason=str(error)
                    )
                await trio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            self._restarts += 1
            log.info("embedded server is back", server=self.name)

    async def _launch(self) -> None:
        """Start the process and wait until it accepts clients; none is left if it does not."""
        await self._clear_way()
        try:
            self._process = self._spawn(self._command())
            with trio.fail_after(READY_WITHIN):
                while not await self._accepts():
                    if self._process.poll() is not None:
                        raise EmbeddedError(f"{self.name} ended at its start, see {self._log_path}")
                    await trio.sleep(POLL)
        except BaseException as error:
            if self._process is not None:
                with trio.CancelScope(shield=True):
                    await end(self._process)
            if isinstance(error, trio.TooSlowError):
                raise EmbeddedError(
                    f"{self.name} was not ready in {READY_WITHIN:g} s, see {self._log_path}"
                ) from error
            raise

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with open(self._log_path, "ab") as output:
            return spawn(
                command,
                death_signal=self._death_signal,
                user=self._user,
                output=output,
                reach=(self._data, self._sockets / "socket", Path(command[0])),
            )

    def _make_socket_folder(self) -> None:
        """A folder that only the server and we may enter, at a short, unchanging path."""
        if len(os.fsencode(self._sockets)) > SOCKET_PATH_BYTES - len(".s.PGSQL.5432"):
            self._sockets = Path("/tmp") / self._sockets.name
        shutil.rmtree(self._sockets, ignore_errors=True)  # of an owner that was killed
        self._sockets.mkdir(mode=0o700)  # fails if a stranger took the name and keeps it
        self._give(self._sockets)

    def _give(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.uid, self._user.gid)

    def _set_long_log_aside(self) -> None:
        if self._log_path.exists() and self._log_path.stat().st_size > LOG_BYTES:
            self._log_path.replace(self._log_path.with_suffix(".log.1"))

    @abstractmethod
    async def _prepare(self) -> None:
        """Once per owner, before the first launch."""

    @abstractmethod
    async def _clear_way(self) -> None:
        """Before each launch: what a dead predecessor may have left."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    async def _accepts(self) -> bool:
        """Whether the starting server accepts clients yet."""


def wheel_folder(package: str) -> Path:
    """Where a package is installed, without importing it: both do work when imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"{package} is not installed: set DATABASE_URL and VALKEY_URL")
    return Path(spec.origin).parent
