"""Corrected files of any size: the header written anew, the pixel data left where it lies."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from archive.dicom.reading import locate_dataset, locate_pixel_data
from archive.dicom.transcoding import as_transfer_syntax
from archive.dicom.transfer_syntaxes import (
    DEFLATED_DATASETS,
    EXPLICIT_BIG,
    GE_PRIVATE_BIG_PIXELS,
)
from archive.retrieve.datasets import load_dataset, open_instance

if TYPE_CHECKING:
    from typing import BinaryIO

    from archive.models import Instance

_WRITTEN_WHOLE = frozenset({EXPLICIT_BIG, GE_PRIVATE_BIG_PIXELS, *DEFLATED_DATASETS})


class SplicedFile(io.RawIOBase):
    """Bytes in memory, and behind them a file from some place on.

    Parameters
    ----------
    head
        what comes first
    tail
        the file, closed with this one
    start
        where in the file to go on
    """

    def __init__(self, head: bytes, tail: BinaryIO, start: int) -> None:
        self._head, self._tail, self._start = head, tail, start
        self.size_bytes = len(head) + tail.seek(0, io.SEEK_END) - start
        self._position = 0

    def readable(self) -> bool:
        """Say that it is for reading."""
        return True

    def seekable(self) -> bool:
        """Say that it has places to go to."""
        return True

    def tell(self) -> int:
        """Say where it stands."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}
        self._position = max(0, base[whence] + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is in one part."""
        view = memoryview(buffer).cast("B")
        left = len(self._head) - self._position
        if left > 0:
            count = min(left, len(view))
            view[:count] = self._head[self._position : self._position + count]
        else:
            self._tail.seek(self._start - left)
            content = self._tail.read(len(view))
            count = len(content)
            view[:count] = content
        self._position += count
        return count

    def close(self) -> None:
        """Close the file behind it, too."""
        self._tail.close()
        super().close()


def spliced_file(instance: Instance) -> SplicedFile | None:
    """Open an instance's Part 10 file with what was corrected, in its stored transfer syntax.

    Parameters
    ----------
    instance
        whose rights were checked by the caller

    Returns
    -------
    None where it has to be written as a whole: its pixel data can't be told apart, or stands in an
    encoding that nobody writes any more

    Raises
    ------
    BlobMissingError
        The bytes are gone.
    InvalidInstanceError
        The bytes are damaged.
    """
    syntax = str(instance.transfer_syntax_uid)
    if syntax in _WRITTEN_WHOLE or not instance.has_pixel_data:
        return None
    with open_instance(instance) as file:
        start = locate_pixel_data(file) if locate_dataset(file).is_as_stated else None
    if start is None:
        return None
    head = as_transfer_syntax(load_dataset(instance, stop_before_pixels=True), syntax)
    return SplicedFile(head, open_instance(instance), start)
