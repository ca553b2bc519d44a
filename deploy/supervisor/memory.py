"""How much of the machine's memory the embedded PostgreSQL may take."""

import os
from pathlib import Path

_MIB = 1024 * 1024
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def available_bytes() -> int:
    """Memory of the machine, or of the container that we run in where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def memory_settings(total_bytes: int) -> dict[str, str]:
    """PostgreSQL's settings for a machine of so much memory.

    A vector index is walked at random: outside shared buffers each page costs a system call.
    A build of one stays quick as long as its graph fits into maintenance_work_mem (about 1.6 kB
    a vector of 384 numbers).
    """
    return {
        "shared_buffers": _mib(total_bytes / 4, 128, 8192),
        "effective_cache_size": _mib(total_bytes / 2, 256, 65536),
        "maintenance_work_mem": _mib(total_bytes / 8, 128, 4096),
        "autovacuum_work_mem": _mib(total_bytes / 64, 64, 256),
    }


def _mib(size_bytes: float, least: int, most: int) -> str:
    return f"{min(max(int(size_bytes) // _MIB, least), most)}MB"
