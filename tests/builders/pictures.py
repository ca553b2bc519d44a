"""Pictures as people and attackers send them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_of(rows: int, columns: int, *, seed: int = 0, text: str = "") -> bytes:
    """Return a PNG of noise, which no compression makes small; a text in a chunk of its own."""
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)
    info = PngInfo()
    if text:
        info.add_text("Comment", text)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def jpeg_of(rows: int, columns: int) -> bytes:
    """Return a grey JPEG."""
    stream = io.BytesIO()
    Image.fromarray(np.full((rows, columns), 99, dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def png_header(rows: int, columns: int) -> bytes:
    """Return a PNG that claims its size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return (
        PNG_SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
