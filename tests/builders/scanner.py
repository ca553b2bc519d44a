"""A virus scanner that speaks as clamd does, and finds one mark."""

from __future__ import annotations

import socketserver
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# No test file of the scanners' makers: those of this machine would take it away.
MARK = b"a mark that only the scanner of the tests knows"


class _Talk(socketserver.StreamRequestHandler):
    server: FakeScanner

    def handle(self) -> None:
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zPING\0":
            self.wfile.write(b"PONG\0")
            return
        assert command == b"zINSTREAM\0"
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
            if len(content) > self.server.most:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
        self.server.seen.append(content)
        said = self.server.said or ("Test.Mark FOUND" if MARK in content else "OK")
        self.wfile.write(f"stream: {said}\0".encode())


class FakeScanner(socketserver.ThreadingUnixStreamServer):
    """Keeps what it was sent; says ``said`` of everything where that is set."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Talk)
        self.path = str(path)
        self.seen: list[bytes] = []
        self.said, self.most = "", 10_000_000


@contextmanager
def fake_scanner(folder: Path) -> Iterator[FakeScanner]:
    """Run one for a while; its socket lies in a folder."""
    with FakeScanner(folder / "clamd") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
