"""Data sets in parts, from memory or from a file, so that no file is held as a whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

CHUNK_BYTES = 1024 * 1024


def chunks_of(dataset: memoryview | BinaryIO) -> Iterator[tuple[bytes | memoryview, bool]]:
    """Give a data set in parts, and with each whether it is the last.

    Parameters
    ----------
    dataset
        in memory, or a file at the data set's first byte

    Raises
    ------
    OSError
        The file ends before its size.
    """
    if isinstance(dataset, memoryview):
        for start in range(0, max(1, len(dataset)), CHUNK_BYTES):
            yield dataset[start : start + CHUNK_BYTES], start + CHUNK_BYTES >= len(dataset)
        return
    left = os.fstat(dataset.fileno()).st_size - dataset.tell()
    is_end = False
    while not is_end:
        chunk = dataset.read(min(CHUNK_BYTES, left))
        left -= len(chunk)
        if not chunk and left:
            raise OSError("a stored file is cut")
        is_end = not left
        yield chunk, is_end
