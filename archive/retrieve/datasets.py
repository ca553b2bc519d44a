"""Stored files as data sets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from archive.dicom.coercion import with_coerced
from archive.dicom.corrections import changes, entry_mark, in_order, with_corrections
from archive.dicom.reading import open_dataset, read_dataset
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from pydicom.dataset import Dataset

    from archive.dicom.corrections import Entry
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
    """Read the instance's data set, with the values that are served.

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
        ds = read_dataset(file, stop_before_pixels=stop_before_pixels)
    corrections = corrections_of(instance)
    ds = _coerced(ds, instance)
    return with_corrections(ds, corrections, settings.TWINSIGHT_AE_TITLE) if corrections else ds


def corrections_of(instance: Instance) -> list[Entry]:
    """Return what was corrected of an instance, in that order; nearly always nothing.

    Parameters
    ----------
    instance
        with series and study loaded
    """
    series = instance.series
    return in_order(series.study.corrected, series.corrected)


def is_served_as_stored(instance: Instance) -> bool:
    """Whether nothing was coerced or corrected, so that the bytes may go out as they are.

    Parameters
    ----------
    instance
        with series and study loaded
    """
    if instance.coerced:
        return False
    corrections = corrections_of(instance)
    if not corrections:
        return True
    with open_instance(instance) as file:
        return not changes(read_dataset(file, stop_before_pixels=True), corrections)


def served_mark(instance: Instance) -> str:
    """Say which corrections an instance is served with, for its ETag; empty for none.

    Parameters
    ----------
    instance
        with series and study loaded
    """
    return "".join(f"-c{entry_mark(entry)}" for entry in corrections_of(instance))


@contextmanager
def mapped_dataset(instance: Instance) -> Iterator[Dataset]:
    """Give the instance's data set with its pixel data left in the file.

    For frames and pictures, which need one frame of perhaps thousands: see
    `archive.dicom.reading.open_dataset`. Corrections don't touch what a picture is made of.

    Parameters
    ----------
    instance
        whose rights were checked by the caller

    Raises
    ------
    BlobMissingError
        The bytes are gone.
    InvalidInstanceError
        The bytes are damaged.
    """
    with open_instance(instance) as file, open_dataset(file) as ds:
        yield _coerced(ds, instance)


def _coerced(ds: Dataset, instance: Instance) -> Dataset:
    if not instance.coerced:
        return ds
    return with_coerced(ds, instance.coerced, instance.created_at, settings.TWINSIGHT_AE_TITLE)
