"""Frames as pictures for the web, within what the asker may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from archive.dicom.annotations import annotated
from archive.dicom.rendering import encode_image, render_frame
from archive.errors import InvalidRequestError, NotAcceptableError
from archive.models import Instance
from archive.models.pictures import pictures_filter
from archive.retrieve.datasets import load_dataset, mapped_dataset, served_mark
from archive.retrieve.frames import check_frame_numbers
from archive.retrieve.image_cache import cached_picture
from archive.retrieve.selectors import series_instances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.dicom.rendering import Picture
    from archive.dicom.windowing import Window
    from archive.models import Study

THUMBNAIL_SIDE = 200
_RENDERING_VERSION = 3


@dataclass(frozen=True)
class Region:
    """A part of the image; negative extents flip it (PS3.18 8.3.5.1).

    In pixels of the original, or in shares of its sides.
    """

    x: float
    y: float
    width: float
    height: float
    is_relative: bool = False

    def in_pixels(self, rows: int, columns: int) -> Region:
        """Return the same in pixels."""
        if not self.is_relative:
            return self
        x, width = self.x * columns, self.width * columns
        return Region(x, self.y * rows, width, self.height * rows)


@dataclass(frozen=True)
class Rendering:
    """How a frame is turned into a picture.

    ``size`` is the box (columns, rows) that it is fitted into; None leaves it at its own size.
    """

    format: str = "jpeg"
    window: Window | None = None
    size: tuple[int, int] | None = None
    region: Region | None = None
    quality: int = 85
    with_patient: bool = False
    with_technique: bool = False

    @property
    def key(self) -> str:
        """The same in a cache key, and in an ETag, where a comma would end it."""
        window = self.window
        voi = f"{window.center};{window.width};{window.function}" if window else ""
        box = f"{self.size[0]}x{self.size[1]}" if self.size else ""
        cut = self.region
        region = f"{cut.x};{cut.y};{cut.width};{cut.height};{cut.is_relative:d}" if cut else ""
        notes = f"{self.with_patient:d}{self.with_technique:d}"
        return f"{_RENDERING_VERSION}:{self.format}:{voi}:{box}:{region}:{self.quality}:{notes}"

    @property
    def is_annotated(self) -> bool:
        """Whether values of the data set are drawn into it."""
        return self.with_patient or self.with_technique


def picture_mark(instance: Instance, rendering: Rendering) -> str:
    """Return what tells a picture of an instance from its others, for caches and ETags.

    Parameters
    ----------
    instance
        with series and study loaded
    rendering
        window, size, region, format
    """
    # Who is named in it is told by what was corrected, not by the bytes.
    return rendering.key + (served_mark(instance) if rendering.is_annotated else "")


def rendered_frame(instance: Instance, number: int, rendering: Rendering) -> bytes:
    """Return a frame as an encoded picture.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    number
        of the frame, from 1
    rendering
        window, size, region, format

    Raises
    ------
    NotVisibleError
        The instance has no such frame.
    NotAcceptableError
        The instance is no image.
    PixelDecodingError
        The frame can't be decoded.
    """
    if not instance.has_pixel_data:
        raise NotAcceptableError("The instance is no image.", code="no-image")
    check_frame_numbers(instance, [number])
    key = f"picture:{instance.blob.sha256}:{number}:{picture_mark(instance, rendering)}"
    return cached_picture(key, lambda: _render(instance, number, rendering))


def _render(instance: Instance, number: int, rendering: Rendering) -> bytes:
    with mapped_dataset(instance) as ds:
        if rendering.region is None:
            picture = render_frame(ds, number - 1, window=rendering.window, size=rendering.size)
        else:
            whole = render_frame(ds, number - 1, window=rendering.window)
            picture = _cut(whole, rendering.region, rendering.size)
        if rendering.is_annotated:
            picture = annotated(
                picture,
                load_dataset(instance, stop_before_pixels=True),
                patient=rendering.with_patient,
                technique=rendering.with_technique,
            )
    return encode_image(picture, rendering.format, rendering.quality)


def _cut(picture: Picture, region: Region, size: tuple[int, int] | None) -> Picture:
    rows, columns = picture.shape[:2]
    region = region.in_pixels(rows, columns)
    left, top = max(0, round(region.x)), max(0, round(region.y))
    right = min(columns, round(region.x + abs(region.width or columns)))
    bottom = min(rows, round(region.y + abs(region.height or rows)))
    if right <= left or bottom <= top:
        raise InvalidRequestError("The viewport lies outside the image.")
    part = picture[top:bottom, left:right]
    if region.width < 0:
        part = part[:, ::-1]
    if region.height < 0:
        part = part[::-1]
    if size is None:
        return np.ascontiguousarray(part)
    scale = min(size[0] / part.shape[1], size[1] / part.shape[0])
    box = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    resized = Image.fromarray(np.ascontiguousarray(part)).resize(box, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)


def middle_frame(instance: Instance) -> int:
    """Return the number of the frame that stands for the whole instance.

    Parameters
    ----------
    instance
        an image
    """
    return ((instance.number_of_frames or 1) + 1) // 2


def representative_of_series(series_pk: int) -> Instance:
    """Return the image that stands for a series: the middle one of its stack.

    Parameters
    ----------
    series_pk
        key of the series, whose rights were checked by the caller

    Raises
    ------
    NotAcceptableError
        The series holds no images.
    """
    images = [instance for instance in series_instances(series_pk) if instance.has_pixel_data]
    return _middle(images)


def representative_of_study(study: Study) -> Instance:
    """Return the image that stands for a study: the middle of its first series of pictures.

    Parameters
    ----------
    study
        whose rights were checked by the caller

    Raises
    ------
    NotAcceptableError
        The study holds no images.
    """
    # What is on trial or rejected stands for nothing: not everybody may see it.
    images = Instance.objects.shown().filter(
        series__study=study, series__withheld="", has_pixel_data=True
    )
    keys = (
        images.filter(pictures_filter("series__")),
        images,
    )
    for rows in keys:
        order = ("series__series_number", "series_id")
        series_pk = rows.order_by(*order).values_list("series_id", flat=True).first()
        if series_pk is not None:
            return representative_of_series(series_pk)
    return _middle([])


def _middle(images: Sequence[Instance]) -> Instance:
    if not images:
        raise NotAcceptableError("There is no image.", code="no-image")
    return images[len(images) // 2]
