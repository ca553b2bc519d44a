"""What child processes that read hostile bytes share: their limits, and how they are spoken to."""

import json
import resource
import struct
from typing import Any, BinaryIO

LENGTHS = struct.Struct("<IQ")
MEMORY_BYTES = 3 << 30
CPU_SECONDS = 60
_MAX_FILES = 64


def limit_process() -> None:
    """Take from this process what a hostile file could use: memory, files, core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_FILES, _MAX_FILES))


def limit_this_job() -> None:
    """Give the next job `CPU_SECONDS` of its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_SECONDS, hard))


def write_message(stream: BinaryIO, said: dict[str, Any], content: bytes) -> None:
    """Send one message: two lengths, a line of JSON, raw bytes."""
    text = json.dumps(said).encode()
    stream.write(LENGTHS.pack(len(text), len(content)) + text)
    stream.write(content)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Receive one message; None where the other side has ended."""
    head = stream.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    text_length, content_length = LENGTHS.unpack(head)
    text = stream.read(text_length)
    content = stream.read(content_length)
    if len(text) < text_length or len(content) < content_length:
        return None
    said: dict[str, Any] = json.loads(text)
    return said, content
