"""What of a collection may leave: rights first, then what no table of attributes makes safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_noop

from archive.access.consent import REFUSED_TEXT, refused_studies
from archive.collections.frames import case_images, case_instances
from archive.collections.rights import (
    exportable_studies,
    find_collection,
    may_edit,
    visible_items,
)
from archive.deid.holding import NO_IMAGE, find_class_refusal
from archive.deid.types import Refusal
from archive.errors import NotAllowedError
from archive.models import Collection
from archive.research.planning import Outlook, look_ahead
from archive.research.teaching.naming import names_patient
from archive.research.teaching.types import ExportOptions, ExportPlan, PlannedCase
from archive.research.types import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models import CollectionItem, Instance
    from archive.models.querysets import AnyUser

NO_RIGHT = Refusal(
    "no-right",
    gettext_noop("Your role in its project does not allow you to take images out."),
)
NAMES_PATIENT = Refusal(
    "names-patient",
    gettext_noop(
        "Its title, note or diagnosis seems to hold the patient's name or a number of theirs."
    ),
    needs_a_look=True,
)
DERIVED = Refusal(
    "not-an-image",
    gettext_noop("Segmentations, maps and other objects that models drew are left out."),
)
NO_CONSENT = Refusal("research-refused", REFUSED_TEXT)


def plan_export(
    user: AnyUser,
    pk: int,
    options: ExportOptions,
    *,
    order: Sequence[int] = (),
    study_uid: str = "",
) -> ExportPlan:
    """Return what an export would hold; one image of each kind in a series is looked into.

    Parameters
    ----------
    user
        who would take it out
    pk
        of the collection
    options
        how it leaves
    order
        keys of the cases as they were numbered when a job began; by default all, as they are now
    study_uid
        narrows to the cases of a study; their numbers stay

    Raises
    ------
    NotVisibleError
        There is no such collection for the user.
    NotAllowedError
        The user may not export at all: a quiz is taken out by those who edit it, since its
        answers go with it.
    """
    collection = find_collection(user, pk)
    if collection.kind == Collection.Kind.QUIZ and not may_edit(user, collection):
        raise NotAllowedError(gettext("A quiz is exported by those who may edit it."))
    items = list(visible_items(user).filter(collection_id=pk).order_by("position", "pk"))
    allowed = exportable_studies(user, [item.study_id for item in items])
    if items and not allowed:
        raise NotAllowedError(NO_RIGHT.text)
    refused = refused_studies([item.study_id for item in items])
    texts = (collection.name, collection.description)
    is_naming = any(names_patient(texts, item.study) for item in items)
    return ExportPlan(
        collection_pk=collection.pk,
        name="Teaching file" if is_naming else collection.name,
        description="" if is_naming else collection.description,
        cases=tuple(
            _plan_case(item, number, options, _no_way(item.study_id, allowed, refused))
            for number, item in _numbered(items, order)
            if study_uid in {"", item.study.study_instance_uid}
        ),
        has_withheld_texts=is_naming,
    )


def _numbered(
    items: Sequence[CollectionItem], order: Sequence[int]
) -> list[tuple[int, CollectionItem]]:
    """Return cases with numbers from 1: those that they had when a job began, if one did."""
    if not order:
        return list(enumerate(items, start=1))
    places = {key: place for place, key in enumerate(order, start=1)}
    known = [(places[item.pk], item) for item in items if item.pk in places]
    return sorted(known, key=lambda pair: pair[0])


def _no_way(study: int, allowed: set[int], refused: set[int]) -> Refusal | None:
    """Say why nothing of a study may leave."""
    if study in refused:
        return NO_CONSENT
    return None if study in allowed else NO_RIGHT


def _plan_case(
    item: CollectionItem, number: int, options: ExportOptions, no_way: Refusal | None
) -> PlannedCase:
    images = case_images(item)
    if no_way is not None:
        return PlannedCase(item, number, _held(no_way, case_instances(item).count()))
    is_looked_at = item.pk in options.looked_at
    texts = (item.title, item.note, item.diagnosis)
    if not is_looked_at and names_patient(texts, item.study):
        return PlannedCase(item, number, _held(NAMES_PATIENT, len(images)))
    beside = _beside(item, images)
    if not images and not beside:
        return PlannedCase(item, number, _held(NO_IMAGE, 0))
    found = look_ahead(images, is_looked_at=is_looked_at)
    outlook = Outlook(
        found.leaving, found.read, found.heads, (*beside, *found.left_out), found.warnings
    )
    return PlannedCase(item, number, outlook)


def _held(why: Refusal, count: int) -> Outlook:
    return Outlook(left_out=(LeftOut(why, count),))


def _beside(item: CollectionItem, images: Sequence[Instance]) -> list[LeftOut]:
    """Return what of a case is no image: reports, documents, what models drew."""
    keys = {image.pk for image in images}
    counts: dict[Refusal, int] = {}
    for key, kind in case_instances(item).values_list("pk", "sop_class_uid"):
        if key not in keys:
            why = find_class_refusal(kind) or DERIVED
            counts[why] = counts.get(why, 0) + 1
    return [LeftOut(why, count) for why, count in counts.items()]
