"""Frames of uncompressed images, read from their place in the file without its header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from archive.retrieve.datasets import open_instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from archive.models import Instance

_TAG = b"\xe0\x7f\x10\x00"
# Data Set Trailing Padding (FFFC,FFFC), and how much of a file is searched for what precedes it.
_PADDING = b"\xfc\xff\xfc\xff"
_FRONT_BYTES = 128 * 1024
# Vertical pairs of pixels share their chroma there: a frame is smaller than its samples say.
_SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420")


@dataclass(frozen=True)
class FramePlace:
    """Where frames lie in a file: the offset of the first, and how long each is."""

    offset: int
    frame_bytes: int

    def read(self, file: BinaryIO, number: int) -> bytes:
        """Return a frame by its number, from 1."""
        file.seek(self.offset + (number - 1) * self.frame_bytes)
        return file.read(self.frame_bytes)


def find_frames(instance: Instance, file: BinaryIO) -> FramePlace | None:
    """Find the frames of a file that ends with its pixel data, as nearly all of them do.

    The element's header must stand just where the stated shape puts it, with the length that
    reaches to the end of the file or to its padding.

    Parameters
    ----------
    instance
        an image, with its blob loaded
    file
        its stored file

    Returns
    -------
    the place, or None where only reading the data set tells
    """
    frame_bytes = _frame_bytes(instance)
    if not frame_bytes:
        return None
    length = frame_bytes * (instance.number_of_frames or 1)
    length += length % 2
    if length >= 0xFFFFFFFF:
        return None
    size = length.to_bytes(4, "little")
    heads = [_TAG + size]
    if instance.transfer_syntax_uid == EXPLICIT_LITTLE:
        heads = [_TAG + vr + b"\0\0" + size for vr in (b"OW", b"OB")]
    offset = _last(file, instance.blob.size_bytes - length, heads) or _padded(file, length, heads)
    return FramePlace(offset, frame_bytes) if offset else None


def _last(file: BinaryIO, offset: int, heads: Sequence[bytes]) -> int:
    """Return the offset where one of the headers stands just before it, else 0."""
    size = len(heads[0])
    if offset < size:
        return 0
    file.seek(offset - size)
    return offset if file.read(size) in heads else 0


def _padded(file: BinaryIO, length: int, heads: Sequence[bytes]) -> int:
    """Return where the value begins of an element that only trailing padding follows, else 0."""
    file.seek(0)
    front = file.read(_FRONT_BYTES)
    for head in heads:
        found = front.find(head)
        if found >= 0:
            offset = found + len(head)
            file.seek(offset + length)
            return offset if file.read(len(_PADDING)) == _PADDING else 0
    return 0


def _frame_bytes(instance: Instance) -> int:
    if instance.transfer_syntax_uid not in {EXPLICIT_LITTLE, IMPLICIT_LITTLE}:
        return 0
    if instance.bits_allocated not in {8, 16, 32} or not instance.has_pixel_data:
        return 0
    if instance.photometric_interpretation in _SUBSAMPLED:
        return 0
    pixels = (instance.rows or 0) * (instance.columns or 0)
    return int(pixels * (instance.samples_per_pixel or 1) * instance.bits_allocated // 8)


def native_frames(instance: Instance, numbers: Sequence[int]) -> Iterator[bytes] | None:
    """Read frames without reading the header before them.

    Parameters
    ----------
    instance
        an image, with its blob loaded
    numbers
        frame numbers that it has, from 1

    Returns
    -------
    their bytes in order, little endian, the first read already; None where the data set must be
    read

    Raises
    ------
    BlobMissingError
        The bytes are gone.
    """
    with open_instance(instance) as file:
        place = find_frames(instance, file)
        if place is None:
            return None
        first = place.read(file, numbers[0])
    return _frames(instance, place, first, numbers[1:])


def _frames(
    instance: Instance, place: FramePlace, first: bytes, others: Sequence[int]
) -> Iterator[bytes]:
    yield first
    if others:
        with open_instance(instance) as file:
            for number in others:
                yield place.read(file, number)
