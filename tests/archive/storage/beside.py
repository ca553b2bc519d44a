"""A process beside the tests' own that keeps and reads what another keeps and reads.

    python beside.py URL SETTINGS

Says that it is ready, waits for a line, and ends with 0 if all that it read was right.
"""

from __future__ import annotations

import hashlib
import json
import sys

from django.conf import settings

CONTENTS = [b"bytes of a file" * 1000 + bytes([number]) for number in range(10)]


def keep_and_read(url: str) -> None:
    """Keep each content, and read it where it lies."""
    from archive.storage.stores import open_store

    store = open_store(url, 0)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for content in CONTENTS:
        with store.spool() as spool:
            spool.write(content)
            store.keep([spool])
        sha256 = hashlib.sha256(content).hexdigest()
        if hasattr(store, "cache"):
            store.cache.remove(sha256)
        with store.open(sha256) as file:
            if file.read() != content:
                sys.exit("wrong bytes")


if __name__ == "__main__":
    settings.configure(**json.loads(sys.argv[2]))
    keep_and_read(sys.argv[1])
