"""Stored instances as the pipelines want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicom.reading import read_dataset
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from pydicom import Dataset

    from archive.models import Instance, Series


def image_instances(series: Series) -> list[Instance]:
    """Instances with pixels, in the order of their numbers."""
    return list(
        series.instances.filter(has_pixel_data=True)
        .select_related("blob")
        .order_by("instance_number", "pk")
    )


def load_dataset(instance: Instance) -> Dataset:
    """Read a stored instance whole."""
    return read_dataset(blob_store().path(instance.blob.sha256))
