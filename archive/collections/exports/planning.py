"""What of a collection may leave: rights first, then what no table of attributes makes safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.collections.exports.naming import names_patient
from archive.collections.exports.types import ExportOptions, ExportPlan, LeftOut, PlannedCase
from archive.collections.frames import case_images, case_instances
from archive.collections.rights import (
    exportable_studies,
    find_collection,
    may_edit,
    visible_items,
)
from archive.deid.holding import find_refusal, find_warnings
from archive.deid.types import Refusal
from archive.dicom.reading import read_dataset
from archive.errors import ArchiveError, NotAllowedError
from archive.models import Collection
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from archive.models import CollectionItem, Instance
    from archive.models.querysets import AnyUser

NO_RIGHT = Refusal("no-right", "Your role in its project does not allow you to take images out.")
NAMES_PATIENT = Refusal(
    "names-patient",
    "Its title, note or diagnosis seems to hold the patient's name or a number of theirs.",
    needs_a_look=True,
)
DERIVED = Refusal(
    "not-an-image", "Reports, documents, segmentations and the like are left out of such files."
)
NO_PICTURES = Refusal("no-image", "It holds no image.")


def plan_export(user: AnyUser, pk: int, options: ExportOptions) -> ExportPlan:
    """Return what an export would hold; one image of each series is looked into.

    Raises NotAllowedError where the asker may not export at all: a quiz is taken out by those who
    edit it, since its answers go with it.
    """
    collection = find_collection(user, pk)
    if collection.kind == Collection.Kind.QUIZ and not may_edit(user, collection):
        raise NotAllowedError("A quiz is exported by those who may edit it.")
    items = list(visible_items(user).filter(collection_id=pk).order_by("position", "pk"))
    allowed = exportable_studies(user, [item.study_id for item in items])
    if items and not allowed:
        raise NotAllowedError(NO_RIGHT.text)
    texts = (collection.name, collection.description)
    is_naming = any(names_patient(texts, item.study) for item in items)
    return ExportPlan(
        collection_pk=collection.pk,
        name="Teaching file" if is_naming else collection.name,
        description="" if is_naming else collection.description,
        cases=tuple(
            _plan_case(item, number, options, is_allowed=item.study_id in allowed)
            for number, item in enumerate(items, start=1)
        ),
        has_withheld_texts=is_naming,
    )


def _plan_case(
    item: CollectionItem, number: int, options: ExportOptions, *, is_allowed: bool
) -> PlannedCase:
    images = case_images(item)
    if not is_allowed:
        count = case_instances(item).count()
        return PlannedCase(item, number, left_out=(LeftOut(NO_RIGHT, count),))
    is_looked_at = item.pk in options.looked_at
    texts = (item.title, item.note, item.diagnosis)
    if not is_looked_at and names_patient(texts, item.study):
        return PlannedCase(item, number, left_out=(LeftOut(NAMES_PATIENT, len(images)),))
    others = case_instances(item).count() - len(images)
    left_out = [LeftOut(DERIVED, others)] if others else []
    if not images and not others:
        left_out.append(LeftOut(NO_PICTURES, 0))
    kept: list[Instance] = []
    warnings: dict[str, None] = {}
    for series in _by_series(images):
        refusal, found = _look_into(series[0], is_looked_at=is_looked_at)
        if refusal is None:
            kept.extend(series)
            warnings.update(dict.fromkeys(found))
        else:
            left_out.append(LeftOut(refusal, len(series)))
    return PlannedCase(item, number, tuple(kept), tuple(left_out), tuple(warnings))


def _by_series(images: Sequence[Instance]) -> list[list[Instance]]:
    found: dict[int, list[Instance]] = {}
    for image in images:
        found.setdefault(image.series_id, []).append(image)
    return list(found.values())


def _look_into(instance: Instance, *, is_looked_at: bool) -> tuple[Refusal | None, tuple[str, ...]]:
    try:
        ds = load(instance, stop_before_pixels=True)
    except ArchiveError as error:
        return Refusal(error.code, error.message), ()
    return find_refusal(ds, is_looked_at=is_looked_at), find_warnings(ds)


def load(instance: Instance, *, stop_before_pixels: bool = False) -> Dataset:
    """Read a stored image."""
    with blob_store().open(instance.blob.sha256) as file:
        return read_dataset(file, stop_before_pixels=stop_before_pixels)
