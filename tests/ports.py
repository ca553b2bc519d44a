"""Ports for servers that are told where to listen."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below those that systems give to who asks for any: one of them can be somebody else's end of a
# connection before the server starts.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of this machine that nobody listens on, and nobody is given by chance."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 no secret
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
