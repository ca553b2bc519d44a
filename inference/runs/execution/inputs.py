"""Stored instances as the pipelines want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.retrieve.selectors import series_instances

if TYPE_CHECKING:
    from archive.models import Instance, Series


def image_instances(series: Series) -> list[Instance]:
    """Instances with pixels, in the order of the slices."""
    return [row for row in series_instances(series.pk) if row.has_pixel_data]
