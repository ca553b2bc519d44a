"""Stored files as data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicom.reading import read_dataset
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from typing import BinaryIO

    from pydicom.dataset import Dataset

    from archive.models import Instance


def open_instance(instance: Instance) -> BinaryIO:
    """Open the file as it came, byte for byte.

    Parameters
    ----------
    instance
        whose rights were checked by the caller

    Raises
    ------
    BlobMissingError
        The bytes are gone.
    """
    return blob_store().open(instance.blob.sha256)


def load_dataset(instance: Instance, *, stop_before_pixels: bool = False) -> Dataset:
    """Read the instance's data set.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    stop_before_pixels
        leave out the pixel data

    Raises
    ------
    BlobMissingError
        The bytes are gone.
    InvalidInstanceError
        The bytes are damaged.
    """
    with open_instance(instance) as file:
        return read_dataset(file, stop_before_pixels=stop_before_pixels)
