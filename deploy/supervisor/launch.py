"""Run one program so that it dies with its parent, and without root's rights where it must.

Started as a script with the standard library alone (`python -I -S launch.py OPTIONS PROGRAM ...`):
work between fork and exec is not safe in a parent with threads, a small program of its own is.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522


def die_with_parent(death_signal: int) -> None:
    """Ask the kernel for a signal when the thread that started this process ends (Linux)."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def drop_root(uid: int, gid: int) -> None:
    """Become another user who may still read what root may read.

    PostgreSQL refuses to run as root, but the home and the program may lie under folders that
    only root enters; one ambient capability spares opening those folders to everybody.
    """
    if sys.platform == "linux":
        _prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux" and _keep_only(CAP_DAC_READ_SEARCH):
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)


def _keep_only(capability: int) -> bool:
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    # effective, permitted, inheritable; the second triple is for capabilities above 31
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    # A container may have taken the capability away: then plain file rights must do.
    return bool(_libc("capset")(header, data) == 0)


def _prctl(*arguments: int) -> None:
    _libc("prctl")(*(ctypes.c_ulong(argument) for argument in arguments))


def _libc(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(ctypes.CDLL(None, use_errno=True), name)
    return function


def main(arguments: list[str]) -> None:
    options = json.loads(arguments[0])
    program = arguments[1:]
    os.umask(0o077)
    if options["uid"] is not None:
        drop_root(options["uid"], options["gid"])
    # After the change of user: the kernel forgets the death signal when rights change.
    die_with_parent(options["death_signal"])
    if os.getppid() != options["parent"]:
        sys.exit(0)  # the parent died before the kernel knew our wish
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execv(program[0], program)  # noqa: S606 becoming the program is the point


if __name__ == "__main__":
    main(sys.argv[1:])
