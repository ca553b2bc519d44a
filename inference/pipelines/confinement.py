"""Take from a process what a stranger's model has no use for. Standard library only."""

import ctypes
import resource
import sys
from collections.abc import Mapping
from typing import Any

_NEW_USER_NAMESPACE = 0x10000000
_NEW_NETWORK_NAMESPACE = 0x40000000
_OPEN_FILES = 1024
_LARGEST_FILE = 8 << 30


def confine_process(limits: Mapping[str, Any]) -> bool:
    """Limit this process; before threads start, and for good.

    Parameters
    ----------
    limits : ``memory_mb`` of address space, ``cpu_s``, and ``is_offline``; what isn't there stays
        as it is. Files are limited in size and number, and no core is written, in any case.

    Returns
    -------
    Whether the process is without a network: only where it was asked for and the kernel lets
    ordinary processes have namespaces of their own.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    if limits.get("memory_mb"):
        _lower(resource.RLIMIT_AS, int(limits["memory_mb"]) << 20)
    if limits.get("cpu_s"):
        _lower(resource.RLIMIT_CPU, int(limits["cpu_s"]))
    return bool(limits.get("is_offline")) and _leave_network()


def peak_memory_mb() -> float:
    """Return the most memory this process ever held, in MiB."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(held / (1024.0**2 if sys.platform == "darwin" else 1024.0), 1)


def _lower(what: int, value: int) -> None:
    _soft, hard = resource.getrlimit(what)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (limit, limit))


def _leave_network() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.unshare(_NEW_USER_NAMESPACE | _NEW_NETWORK_NAMESPACE) == 0)
