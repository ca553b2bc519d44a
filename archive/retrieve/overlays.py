"""Segmentations and parametric maps over the frames of a series, within the asker's rights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archive.dicom.overlays import (
    OVERLAY_CLASSES,
    OverlaySegment,
    overlay_bits,
    overlay_planes,
    overlay_segments,
)
from archive.dicom.writing import OWN_MANUFACTURER
from archive.errors import ArchiveError, InvalidInstanceError, NotVisibleError
from archive.models import Instance
from archive.retrieve.datasets import load_dataset, mapped_dataset
from archive.retrieve.selectors import visible_series

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.dicom.overlays import FrameKey, Locate
    from archive.models import Series
    from archive.models.querysets import AnyUser

OVERLAYS_VERSION = 1
MAX_OVERLAYS = 60
_SAME_PLACE_MM = 0.5
_BROKEN = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError)


@dataclass(frozen=True)
class OverlayInfo:
    """An object that can be drawn over a series."""

    instance_uid: str
    series_uid: str
    title: str
    is_map: bool
    # A program drew it, nobody by hand.
    is_automatic: bool
    segments: list[OverlaySegment]


@dataclass(frozen=True)
class DrawnOverlay:
    """What a page draws: a length, a header in JSON, planes; ``etag`` names the content.

    The header holds ``bits`` a pixel, ``frames`` as pairs of SOP Instance UID and frame, and
    ``planes`` as (place in frames, segment, x, y, width, height, offset behind the header).
    """

    etag: str
    content: bytes


def overlays_of_series(user: AnyUser, study_uid: str, series_uid: str) -> list[OverlayInfo]:
    """Return what of a study can be drawn over a series; nothing that a person rejected.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid
        the path to the series of pictures

    Raises
    ------
    NotVisibleError
        There is no such series in the user's rights.
    """
    series = visible_series(user, study_uid, series_uid)
    found = []
    for instance in _candidates(user, series)[:MAX_OVERLAYS]:
        try:
            ds = load_dataset(instance, stop_before_pixels=True)
            if not _is_about(ds, series):
                continue
            segments = overlay_segments(ds)
        except (ArchiveError, *_BROKEN):
            continue
        found.append(
            OverlayInfo(
                instance_uid=instance.sop_instance_uid,
                series_uid=instance.series.series_instance_uid,
                title=instance.series.series_description or instance.series.modality,
                is_map=overlay_bits(ds) == 8 and "SegmentSequence" not in ds,
                is_automatic=_is_automatic(ds),
                segments=segments,
            )
        )
    return found


def drawn_overlay(
    user: AnyUser, study_uid: str, series_uid: str, instance_uid: str
) -> DrawnOverlay:
    """Return one of them with its planes.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid
        the path to the series of pictures
    instance_uid
        SOP Instance UID of the overlay

    Raises
    ------
    NotVisibleError
        There is no such series or overlay in the user's rights.
    InvalidInstanceError
        The overlay is not built as the standard says.
    LimitExceededError, PixelDecodingError
        As for `archive.dicom.overlays.overlay_planes`.
    """
    series = visible_series(user, study_uid, series_uid)
    instance = _candidates(user, series).filter(sop_instance_uid=instance_uid).first()
    if instance is None:
        raise NotVisibleError("There is no such overlay.")
    etag = f'"{instance.blob.sha256[:32]}-{series.pk}-o{OVERLAYS_VERSION}"'
    try:
        with mapped_dataset(instance) as ds:
            return DrawnOverlay(etag, _written(ds, _locator(series, ds)))
    except _BROKEN as error:
        raise InvalidInstanceError("The overlay can't be drawn.", code="not-renderable") from error


def series_drawn_on(user: AnyUser, study_uid: str, series_uid: str) -> str:
    """Return the series of pictures that a segmentation or map was drawn on.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid
        the path to the series of the overlay

    Returns
    -------
    Series Instance UID; that of the overlay itself where it names none that the user sees

    Raises
    ------
    NotVisibleError
        There is no such series in the user's rights.
    """
    drawn = visible_series(user, study_uid, series_uid)
    instance = Instance.objects.shown().filter(series=drawn).select_related("blob").first()
    if instance is None:
        return series_uid
    try:
        ds = load_dataset(instance, stop_before_pixels=True)
        named = [
            str(item.get("SeriesInstanceUID", ""))
            for item in ds.get("ReferencedSeriesSequence") or []
        ]
    except (ArchiveError, *_BROKEN):
        named = []
    pictures = type(drawn).objects.visible_to(user).filter(study=drawn.study)
    space = {"frame_of_reference_uid": drawn.frame_of_reference_uid}
    condition = {"series_instance_uid__in": named} if named else space
    found = pictures.filter(**condition).exclude(pk=drawn.pk).exclude(modality="SEG").first()
    return str(found.series_instance_uid) if found is not None else series_uid


def _candidates(user: AnyUser, series: Series) -> QuerySet[Instance]:
    rows = Instance.objects.visible_to(user).filter(withheld="", series__study=series.study)
    rows = rows.filter(series__withheld__in=["", "trial"], sop_class_uid__in=OVERLAY_CLASSES)
    return rows.select_related("blob", "series__study").order_by("series__series_number", "pk")


def _is_automatic(ds: Any) -> bool:
    kinds = {str(item.get("SegmentAlgorithmType", "")) for item in ds.get("SegmentSequence") or []}
    return "AUTOMATIC" in kinds or str(ds.get("Manufacturer", "")) == OWN_MANUFACTURER


def _is_about(ds: Any, series: Series) -> bool:
    """Whether an overlay names the series, or, naming none, lies in the same space."""
    referenced = [
        str(item.get("SeriesInstanceUID", "")) for item in ds.get("ReferencedSeriesSequence") or []
    ]
    if referenced:
        return series.series_instance_uid in referenced
    space = str(ds.get("FrameOfReferenceUID", ""))
    return bool(space) and space == series.frame_of_reference_uid


def _locator(series: Series, overlay: Any) -> Locate:
    """Find frames of the series by what an overlay says, else by their place in the patient."""
    rows = Instance.objects.shown().filter(series=series, has_pixel_data=True)
    columns = ("sop_instance_uid", "number_of_frames", "rows", "columns", "image_position_patient")
    grid = (int(overlay.get("Rows", 0) or 0), int(overlay.get("Columns", 0) or 0))
    frames: dict[str, int] = {}
    places: list[tuple[FrameKey, tuple[float, ...]]] = []
    for uid, count, height, width, position in rows.values_list(*columns):
        if (height, width) != grid:
            continue
        frames[uid] = max(1, count or 1)
        if frames[uid] == 1 and position and len(position) == 3:
            places.append(((uid, 1), tuple(position)))
    positions = np.array([place for _, place in places], dtype=np.float64).reshape(-1, 3)

    def locate(source: FrameKey | None, position: tuple[float, ...]) -> FrameKey | None:
        if source is not None and 1 <= source[1] <= frames.get(source[0], 0):
            return source
        if not position or not len(positions):
            return None
        distances = np.linalg.norm(positions - np.array(position), axis=1)
        nearest = int(distances.argmin())
        return places[nearest][0] if distances[nearest] < _SAME_PLACE_MM else None

    return locate


def _written(ds: Any, locate: Locate) -> bytes:
    frames: dict[FrameKey, int] = {}
    planes, contents, offset = [], [], 0
    for plane in overlay_planes(ds, locate):
        place = frames.setdefault(plane.key, len(frames))
        box = (plane.x, plane.y, plane.width, plane.height)
        planes.append([place, plane.segment, *box, offset])
        contents.append(plane.content)
        offset += len(plane.content)
    header = json.dumps(
        {"bits": overlay_bits(ds), "frames": list(frames), "planes": planes},
        separators=(",", ":"),
    ).encode()
    return b"".join([struct.pack("<I", len(header)), header, *contents])
