"""The program of the limited child process: compressed frames in, samples out.

Run by `archive.dicom.limited_decoding` as ``python -m``. It reads requests from standard input and
answers each on standard output: two lengths, a line of JSON, raw bytes. It ends with its input.
"""

import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO

from archive.dicom.codecs import decode_compressed
from archive.dicom.image_pixel import ImagePixel
from archive.errors import PixelDecodingError

LENGTHS = struct.Struct("<IQ")
MEMORY_BYTES = 3 << 30
CPU_SECONDS = 60
_MAX_FILES = 64


def limit_process() -> None:
    """Take from this process what a hostile image could use: memory, files, core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_FILES, _MAX_FILES))


def _limit_this_job() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_SECONDS, hard))


def answer(request: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Decode one frame.

    Parameters
    ----------
    request : the fields of an ImagePixel
    frame : its compressed bytes

    Returns
    -------
    what is said of the samples, or the error, and the samples' bytes
    """
    try:
        samples, is_rgb = decode_compressed(frame, ImagePixel(**request))
    except PixelDecodingError as error:
        return {"error": error.message, "code": error.code}, b""
    except MemoryError:
        return {"error": "The frame takes too much memory.", "code": "frame-too-large"}, b""
    said = {"dtype": samples.dtype.str, "shape": samples.shape, "is_rgb": is_rgb}
    return said, samples.tobytes()


def write_message(stream: BinaryIO, said: dict[str, Any], content: bytes) -> None:
    """Send one message."""
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


def main() -> int:
    """Answer until the input ends."""
    # What a codec prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_process()
    while (message := read_message(sys.stdin.buffer)) is not None:
        _limit_this_job()
        write_message(answers, *answer(*message))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
