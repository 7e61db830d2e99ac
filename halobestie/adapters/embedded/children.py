"""Child processes that live exactly as long as this one.

`spawn` starts a program that the kernel ends when this process ends, however it ends,
`kill -9` included. Run by root, the program gets another user: PostgreSQL refuses root.
"""

import fcntl
import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, NamedTuple

import trio

_LAUNCHER = Path(__file__).with_name("launch.py")
_POLL = 0.05  # seconds, where the kernel has no descriptor for a process


OWNER_GONE_WITHIN = 1.0  # seconds
OWNER_POLL = 0.02  # seconds


class User(NamedTuple):
    uid: int
    gid: int


class AlreadyOwned(Exception):
    """Another process holds the lock."""


class OwnerLock:
    """One owner at a time; the kernel lets go when the owner ends."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w")  # noqa: SIM115 - held until release()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise AlreadyOwned(str(path)) from error

    @classmethod
    async def take(cls, path: Path) -> "OwnerLock":
        """The lock, or AlreadyOwned after OWNER_GONE_WITHIN seconds.

        A node that was killed just as it forked leaves a child that holds the lock until
        it executes something, or the kernel has killed it too.
        """
        with trio.move_on_after(OWNER_GONE_WITHIN):
            while True:
                try:
                    return cls(path)
                except AlreadyOwned:
                    await trio.sleep(OWNER_POLL)
        return cls(path)

    def release(self) -> None:
        self._file.close()


def server_user(data: Path) -> User | None:
    """Whom a server on `data` must run as; None = as ourselves.

    Only root needs another user: the one that owns the data already, else `postgres`,
    else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(entry.pw_uid, entry.pw_gid)
    raise LookupError("root needs a user postgres or nobody to run an embedded server as")


def spawn(
    command: list[str],
    *,
    death_signal: signal.Signals,
    user: User | None,
    output: IO[bytes],
    reach: tuple[Path, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start `command`, which gets `death_signal` when this process ends.

    `reach` are the paths it must come to, though folders above them may be closed to
    `user`. In a session of its own: a ^C in the terminal is for us alone.
    """
    if threading.current_thread() is not threading.main_thread():
        # The kernel ties the signal to the thread that forks, not to the process.
        raise RuntimeError("children are started on the main thread")
    keep_reach = user is not None and not all(_open_to(user, path) for path in reach)
    uid, gid = user or (-1, -1)
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    numbers = (os.getpid(), death_signal.value, uid, gid, int(keep_reach))
    return subprocess.Popen(
        [*launcher, *map(str, numbers), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _open_to(user: User, path: Path) -> bool:
    """Whether `user` may pass through every folder above `path`."""
    for folder in path.resolve().parents:
        state = folder.stat()
        if state.st_uid == user.uid:
            needed = stat.S_IXUSR
        elif state.st_gid == user.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not state.st_mode & needed:
            return False
    return True


async def wait_ended(process: subprocess.Popen[bytes]) -> int:
    """Wait until the child ends; its exit code, negative for a signal."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        while process.poll() is None:  # noqa: ASYNC110 - nothing else tells
            await trio.sleep(_POLL)
        return process.wait()
    try:
        await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)
    return process.wait()


async def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Signal the child step by step, each with its seconds to end, SIGKILL at last.

    Shield it from cancellation, or the child is left running.
    """
    for number, patience in (*steps, (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with trio.move_on_after(patience):
            await wait_ended(process)
