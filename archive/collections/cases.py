"""The cases of a collection: added, described, ordered, taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext

from archive.audit import collections as audit
from archive.collections.errors import InvalidCollectionError, refuse_nul
from archive.collections.rights import find_editable, require_consent_in, visible_items
from archive.dicom.uids import is_valid_uid
from archive.errors import LimitExceededError, NotVisibleError
from archive.models import CollectionItem, Instance, Series, Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.collections.types import CasePath
    from archive.models import Collection

RowT = TypeVar("RowT")
MAX_ITEMS = 1_000
MAX_NOTE = 8_000
_NOT_THERE = "There is no such object, or it is outside your projects."


@transaction.atomic
def add_case(user: User, pk: int, path: CasePath, *, asker: Asker) -> tuple[int, bool]:
    """Put a study, series, image or frame into a collection.

    Returns the item's key, and whether it is new: a case that is in already stays as it is.
    """
    collection = find_editable(user, pk)
    wanted = _resolve(user, path)
    known = CollectionItem.objects.filter(collection=collection, **wanted).first()
    if known is not None:
        return known.pk, False
    if visible_items(user).filter(collection=collection).count() >= MAX_ITEMS:
        raise LimitExceededError(
            gettext("A collection holds at most %(most)s cases.") % {"most": MAX_ITEMS}
        )
    study: Any = wanted["study"]
    require_consent_in(collection.project, [study.pk])
    last = collection.items.aggregate(last=Max("position"))["last"] or 0
    item = CollectionItem.objects.create(
        collection=collection, position=last + 1, added_by=user, **wanted
    )
    _touch(collection)
    _record(asker, "add-to-collection", item)
    return item.pk, True


def add_cases(user: User, pk: int, paths: Sequence[CasePath], *, asker: Asker) -> int:
    """Put several objects into a collection, all or none; return how many are new."""
    with transaction.atomic():
        return sum(add_case(user, pk, path, asker=asker)[1] for path in paths)


@transaction.atomic
def describe_case(
    user: User,
    pk: int,
    item_pk: int,
    *,
    asker: Asker,
    title: str | None = None,
    note: str | None = None,
    diagnosis: str | None = None,
) -> None:
    """Change a case's title, note or diagnosis; what is None stays."""
    collection = find_editable(user, pk)
    item = _find_item(user, collection, item_pk)
    wanted = {"title": title, "note": note, "diagnosis": diagnosis}
    for field, value in wanted.items():
        if value is not None:
            refuse_nul(value, field)
            setattr(item, field, value.strip())
    if len(item.note) > MAX_NOTE:
        raise InvalidCollectionError(
            gettext("A note has at most %(most)s characters.") % {"most": MAX_NOTE}, field="note"
        )
    try:
        item.clean_fields(exclude=["collection", "study", "series", "instance", "added_by"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidCollectionError(" ".join(messages), field=field) from error
    item.save(update_fields=["title", "note", "diagnosis"])
    _touch(collection)
    _record(asker, "describe-in-collection", item)


@transaction.atomic
def remove_case(user: User, pk: int, item_pk: int, *, asker: Asker) -> None:
    """Take a case out of a collection, with its note and the answers to it."""
    collection = find_editable(user, pk)
    item = _find_item(user, collection, item_pk)
    _record(asker, "remove-from-collection", item)
    item.delete()
    _touch(collection)


@transaction.atomic
def order_cases(user: User, pk: int, item_pks: Sequence[int], *, asker: Asker) -> None:
    """Put the cases that the user sees into another order; the hidden ones keep their places."""
    collection = find_editable(user, pk)
    items = list(visible_items(user).filter(collection=collection).order_by("position", "pk"))
    by_key = {item.pk: item for item in items}
    if sorted(item_pks) != sorted(by_key):
        message = "The order must name every case of the collection once."
        raise InvalidCollectionError(message, field="items")
    positions = [item.position for item in items]
    changed = []
    for position, key in zip(positions, item_pks, strict=True):
        if by_key[key].position != position:
            by_key[key].position = position
            changed.append(by_key[key])
    if not changed:
        return
    CollectionItem.objects.bulk_update(changed, ["position"])
    _touch(collection)
    audit.record_collection_order(asker, collection=pk)


def _resolve(user: User, path: CasePath) -> dict[str, Study | Series | Instance | int | None]:
    """Return the rows that a path names, inside the user's rights."""
    given = [uid for uid in (path.study_uid, path.series_uid, path.instance_uid) if uid]
    if not given:
        message = "Name a study, a series or an instance."
        raise InvalidCollectionError(message, field="study")
    if not all(is_valid_uid(uid) for uid in given):
        raise NotVisibleError(_NOT_THERE)
    if path.instance_uid:
        return _resolve_instance(user, path)
    if path.frame is not None:
        message = "A frame needs its instance."
        raise InvalidCollectionError(message, field="frame")
    if path.series_uid:
        rows = Series.objects.visible_to(user).select_related("study")
        rows = rows.filter(series_instance_uid=path.series_uid)
        if path.study_uid:
            rows = rows.filter(study__study_instance_uid=path.study_uid)
        series = _one(rows.first())
        return {"study": series.study, "series": series, "instance": None, "frame": None}
    study = Study.objects.visible_to(user).filter(study_instance_uid=path.study_uid).first()
    return {"study": _one(study), "series": None, "instance": None, "frame": None}


def _resolve_instance(
    user: User, path: CasePath
) -> dict[str, Study | Series | Instance | int | None]:
    rows = Instance.objects.visible_to(user).select_related("series__study")
    rows = rows.filter(sop_instance_uid=path.instance_uid)
    if path.series_uid:
        rows = rows.filter(series__series_instance_uid=path.series_uid)
    if path.study_uid:
        rows = rows.filter(series__study__study_instance_uid=path.study_uid)
    instance = _one(rows.first())
    frames = (instance.number_of_frames or 1) if instance.has_pixel_data else 0
    if path.frame is not None and not 1 <= path.frame <= frames:
        message = f"The instance has {frames} frames."
        raise InvalidCollectionError(message, field="frame")
    return {
        "study": instance.series.study,
        "series": instance.series,
        "instance": instance,
        "frame": path.frame,
    }


def _one(row: RowT | None) -> RowT:
    if row is None:
        raise NotVisibleError(_NOT_THERE)
    return row


def _find_item(user: User, collection: Collection, item_pk: int) -> CollectionItem:
    item = visible_items(user).filter(collection=collection, pk=item_pk).first()
    if item is None:
        raise NotVisibleError("There is no such case in this collection.")
    return item


def _touch(collection: Collection) -> None:
    collection.save(update_fields=["updated_at"])


def _record(asker: Asker, act: str, item: CollectionItem) -> None:
    audit.record_collection_items(
        asker,
        act,
        collection=item.collection_id,
        study_instance_uid=item.study.study_instance_uid,
        item=item.pk,
    )
