"""The pictures of a case in the order in which a reader scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicom.geometry import reading_order
from archive.models import Instance
from archive.models.pictures import pictures_filter

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.models import CollectionItem

# Results of models and reports show, or say, what the case is about.
# What a model looked at, drawn in numbers.
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"


def case_instances(item: CollectionItem) -> QuerySet[Instance]:
    """Return every instance of a case, results and reports too; rights are the caller's matter."""
    rows = Instance.objects.shown().select_related("blob", "series__study")
    if item.instance_id is not None:
        return rows.filter(pk=item.instance_id)
    if item.series_id is not None:
        return rows.filter(series_id=item.series_id)
    ordered = ("series__series_number", "series_id", "instance_number", "pk")
    return rows.filter(series__study_id=item.study_id).order_by(*ordered)


def case_images(item: CollectionItem) -> list[Instance]:
    """Return the images of a case, by series, slices in their order along the patient."""
    rows = case_instances(item).filter(has_pixel_data=True).exclude(sop_class_uid=PARAMETRIC_MAP)
    if item.series_id is None:
        # What a person rejected, and what is on trial, is shown to who names it.
        rows = rows.filter(series__withheld="")
    by_series: dict[int, list[Instance]] = {}
    for instance in rows.filter(pictures_filter("series__")):
        by_series.setdefault(instance.series_id, []).append(instance)
    return [one for images in by_series.values() for one in _in_slice_order(images)]


def case_frames(item: CollectionItem) -> list[tuple[Instance, int]]:
    """Return what a reader scrolls through: images with frame numbers from 1."""
    images = case_images(item)
    if item.frame is not None:
        return [(image, item.frame) for image in images[:1]]
    return [
        (image, number)
        for image in images
        for number in range(1, (image.number_of_frames or 1) + 1)
    ]


def _in_slice_order(images: list[Instance]) -> list[Instance]:
    slices = [
        (one.image_orientation_patient, one.image_position_patient, one.instance_number)
        for one in images
    ]
    return [images[index] for index in reading_order(slices)]
