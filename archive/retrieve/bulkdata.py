"""Single values of a data set as bytes: what metadata only points to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archive.dicom.transcoding import swap_words
from archive.dicom.transfer_syntaxes import is_encapsulated
from archive.errors import NotVisibleError
from archive.retrieve.datasets import load_dataset

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from archive.models import Instance

_PATH = re.compile(r"[0-9A-Fa-f]{8}(?:/\d{1,6}/[0-9A-Fa-f]{8}){0,31}", re.ASCII)
_PIXEL_DATA = "7FE00010"


def is_compressed_pixel_data(instance: Instance, path: str) -> bool:
    """Whether the path names pixel data that only exists as compressed frames.

    Parameters
    ----------
    instance
        the object
    path
        as in `bulk_value`
    """
    return path.upper() == _PIXEL_DATA and is_encapsulated(instance.transfer_syntax_uid)


def bulk_value(instance: Instance, path: str) -> bytes:
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
    return value


def _item(ds: Dataset, tag: int, number: int) -> Dataset:
    element = ds.get(tag)
    if element is None or element.VR != "SQ" or number >= len(element.value):
        raise NotVisibleError("There is no such value.")
    item: Dataset = element.value[number]
    return item
