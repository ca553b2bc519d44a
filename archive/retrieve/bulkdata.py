"""Single values of a data set as bytes: what metadata only points to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.dicom.frames import pixel_value, stream_fragments
from archive.dicom.transcoding import swap_words
from archive.dicom.transfer_syntaxes import is_encapsulated, is_video
from archive.errors import NotAcceptableError, NotVisibleError
from archive.retrieve.datasets import load_dataset, mapped_dataset, open_instance
from archive.retrieve.metadata import metadata_documents
from archive.retrieve.native_frames import find_frames

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pydicom.dataset import Dataset

    from archive.dicom.frames import Fragment
    from archive.models import Instance

CHUNK_BYTES = 1024 * 1024
PIXEL_DATA = "7FE00010"
_FLOATS = ("7FE00008", "7FE00009")
# Only samples of these sizes are floats (PS3.3 C.7.6.24 and C.7.6.25).
_FLOAT_BITS = frozenset({32, 64})
_MPEG_2 = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101")
_PATH = re.compile(r"[0-9A-Fa-f]{8}(?:/\d{1,6}/[0-9A-Fa-f]{8}){0,31}", re.ASCII)
_BEFORE_PATH = "/bulkdata/"


@dataclass(frozen=True)
class BulkValue:
    """A value in memory, or where it lies in the stored file.

    ``fragments`` are those of a video, places in the value of its pixel data.
    """

    instance: Instance
    size_bytes: int
    content: bytes | None = None
    offset: int = 0
    fragments: tuple[Fragment, ...] = ()

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Give the bytes from one place to another, by default all."""
        stop = self.size_bytes if stop is None else min(stop, self.size_bytes)
        if self.content is not None:
            yield self.content[start:stop]
            return
        if self.fragments:
            yield from self._of_fragments(start, stop)
            return
        with open_instance(self.instance) as file:
            file.seek(self.offset + start)
            left = stop - start
            while left > 0 and (chunk := file.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk

    def _of_fragments(self, start: int, stop: int) -> Iterator[bytes]:
        with mapped_dataset(self.instance) as ds:
            value = pixel_value(ds, int(PIXEL_DATA, 16))
            passed = 0
            for begin, end in self.fragments:
                place = begin + max(start - passed, 0)
                last = min(end, begin + stop - passed)
                passed += end - begin
                while place < last:
                    yield bytes(value[place : min(place + CHUNK_BYTES, last)])
                    place += CHUNK_BYTES


def is_compressed_pixel_data(instance: Instance, path: str) -> bool:
    """Whether the path names pixel data that only exists as compressed frames; a video is none.

    Parameters
    ----------
    instance
        the object
    path
        as in `bulk_value`
    """
    syntax = instance.transfer_syntax_uid
    return path.upper() == PIXEL_DATA and is_encapsulated(syntax) and not is_video(syntax)


def is_video_stream(instance: Instance, path: str) -> bool:
    """Whether the path names the pixel data of a video, which goes out as one stream.

    Parameters
    ----------
    instance
        the object
    path
        as in `bulk_value`
    """
    return path.upper() == PIXEL_DATA and is_video(instance.transfer_syntax_uid)


def video_media_type(instance: Instance) -> str:
    """Return the media type of a video's stream.

    Parameters
    ----------
    instance
        a video

    References
    ----------
    DICOM PS3.18 table 8.7.3-5
    """
    return "video/mpeg" if instance.transfer_syntax_uid.startswith(_MPEG_2) else "video/mp4"


def require_video_syntax(instance: Instance, wanted: Collection[str]) -> None:
    """Refuse other transfer syntaxes than a video's own: it is sent as it is, or not at all.

    Parameters
    ----------
    instance
        a video
    wanted
        transfer syntax UIDs that the asker takes, ``*`` for any, none for the web's default, of
        which what was compressed with loss is excepted

    Raises
    ------
    NotAcceptableError
        Its own is not among them.
    """
    syntax = instance.transfer_syntax_uid
    if wanted and not {"*", syntax} & set(wanted):
        raise NotAcceptableError(f"The video can be sent in the transfer syntax {syntax}.")


def bulk_value(instance: Instance, path: str) -> BulkValue:
    """Return the binary value at a path, little endian; of a video its stream.

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
    if is_video_stream(instance, path) and instance.has_pixel_data:
        with mapped_dataset(instance) as ds:
            fragments = tuple(stream_fragments(ds))
        size = sum(end - begin for begin, end in fragments)
        return BulkValue(instance, size, fragments=fragments)
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
