"""Becomes another program that dies with its parent. Run as a script, never imported.

    python -I -S launch.py PARENT_PID SIGNAL UID GID KEEP_REACH PROGRAM [ARGUMENT…]

The kernel sends SIGNAL to the program when the thread that started this script ends.
UID -1 keeps the user. With KEEP_REACH 1 the new user may still pass through folders that
only root may enter (a checkout under /root); with 0 it has no privilege at all.

A script of its own because the same in `preexec_fn` would run Python in the fork of a
process that has threads.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid, keep_reach = map(int, arguments[:5])
    command = arguments[5:]
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        _become(libc, uid, gid, keep_reach=bool(keep_reach))
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent is gone already")
    os.execv(command[0], command)


def _become(libc: ctypes.CDLL, uid: int, gid: int, *, keep_reach: bool) -> None:
    os.setgroups([])
    os.setgid(gid)
    if keep_reach:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setuid(uid)
    if keep_reach:
        mask = 1 << _CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
        libc.capset(header, sets)
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
