"""Single values of a data set as bytes: what metadata only points to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.dicom.transcoding import swap_words
from archive.dicom.transfer_syntaxes import is_encapsulated
from archive.errors import NotVisibleError
from archive.retrieve.datasets import load_dataset, open_instance
from archive.retrieve.metadata import metadata_documents
from archive.retrieve.native_frames import find_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from archive.models import Instance

CHUNK_BYTES = 1024 * 1024
PIXEL_DATA = "7FE00010"
_FLOATS = ("7FE00008", "7FE00009")
# Only samples of these sizes are floats (PS3.3 C.7.6.24 and C.7.6.25).
_FLOAT_BITS = frozenset({32, 64})
_PATH = re.compile(r"[0-9A-Fa-f]{8}(?:/\d{1,6}/[0-9A-Fa-f]{8}){0,31}", re.ASCII)
_BEFORE_PATH = "/bulkdata/"


@dataclass(frozen=True)
class BulkValue:
    """A value in memory, or where it lies in the stored file."""

    instance: Instance
    size_bytes: int
    content: bytes | None = None
    offset: int = 0

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Give the bytes from one place to another, by default all."""
        stop = self.size_bytes if stop is None else min(stop, self.size_bytes)
        if self.content is not None:
            yield self.content[start:stop]
            return
        with open_instance(self.instance) as file:
            file.seek(self.offset + start)
            left = stop - start
            while left > 0 and (chunk := file.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk


def is_compressed_pixel_data(instance: Instance, path: str) -> bool:
    """Whether the path names pixel data that only exists as compressed frames.

    Parameters
    ----------
    instance
        the object
    path
        as in `bulk_value`
    """
    return path.upper() == PIXEL_DATA and is_encapsulated(instance.transfer_syntax_uid)


def bulk_value(instance: Instance, path: str) -> BulkValue:
    """Return the binary value at a path, little endian.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    path
        tags in hexadecimal with item numbers between them: ``00540016/0/00181234``

    Raises
    ------
    NotVisibleError
        There is no binary value at the path.
    """
    if not _PATH.fullmatch(path):
        raise NotVisibleError("There is no such value.")
    if path.upper() == PIXEL_DATA and instance.has_pixel_data:
        with open_instance(instance) as file:
            place = find_frames(instance, file)
        if place is not None:
            size = place.frame_bytes * (instance.number_of_frames or 1)
            return BulkValue(instance, size + size % 2, offset=place.offset)
    ds = load_dataset(instance)
    if ds.original_encoding[1] is False:
        swap_words(ds)
    *way, tag = path.split("/")
    for sequence, number in zip(way[::2], way[1::2], strict=True):
        ds = _item(ds, int(sequence, 16), int(number))
    element = ds.get(int(tag, 16))
    value = None if element is None else element.value
    if not isinstance(value, bytes):
        raise NotVisibleError("There is no such value.")
    return BulkValue(instance, len(value), content=value)


def _item(ds: Dataset, tag: int, number: int) -> Dataset:
    element = ds.get(tag)
    if element is None or element.VR != "SQ" or number >= len(element.value):
        raise NotVisibleError("There is no such value.")
    item: Dataset = element.value[number]
    return item


def bulk_paths(instance: Instance) -> list[str]:
    """Return the paths of all values that the instance's metadata points to.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    """
    return [
        path for text in metadata_documents([instance.pk], "") for path in _paths(json.loads(text))
    ]


def _paths(document: dict[str, Any]) -> Iterator[str]:
    for element in document.values():
        uri = element.get("BulkDataURI")
        if uri is not None:
            yield str(uri).partition(_BEFORE_PATH)[2]
        elif element.get("vr") == "SQ":
            for item in element.get("Value", ()):
                yield from _paths(item or {})


def pixel_data_paths(instance: Instance) -> list[str]:
    """Return the paths of an image's pixel data, of whole numbers or of floats.

    Parameters
    ----------
    instance
        whose rights were checked by the caller

    Returns
    -------
    one path; none where the object holds no pixels

    References
    ----------
    DICOM PS3.18 10.4.1.1.6
    """
    if not instance.has_pixel_data:
        return []
    if instance.bits_allocated in _FLOAT_BITS:
        floats = [path for path in bulk_paths(instance) if path in _FLOATS]
        if floats:
            return floats[:1]
    return [PIXEL_DATA]
