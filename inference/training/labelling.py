"""What people say about studies, series, images and regions, kept as labels. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext

from archive.access.selectors import require_may_label
from archive.audit import services as audit
from archive.audit.results import record_label_removed
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Study
from inference.models import Label
from inference.similarity.words.series_words import mark_words_stale
from inference.training.label_objects import MAX_LABELS, LabelledObjects, check_labels
from inference.training.labels import may_take_back_others

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.audit.types import Asker

__all__ = [
    "MAX_LABELS",
    "LabelledCounts",
    "NewLabel",
    "add_labels",
    "import_labels",
    "remove_label",
]

Source = Label.Source
_KEY = (
    *("study_id", "series_id", "instance_id", "frame", "region"),
    *("label_set", "label", "created_by_id"),
)


@dataclass(frozen=True)
class NewLabel:
    """One label on one object: exactly one of the three UIDs is given.

    Of an instance a ``frame`` may be named, and a ``region`` of it: x, y, width and height in
    pixels from its upper left corner. ``reader`` is an account's name, where somebody else brings
    in what that person said.
    """

    label_set: str
    label: str
    study: str = ""
    series: str = ""
    instance: str = ""
    frame: int | None = None
    region: tuple[int, ...] = ()
    reader: str = ""


@dataclass(frozen=True)
class LabelledCounts:
    """How many labels are new, how many were there, and which name no object (from 1)."""

    created: int
    existing: int
    unknown: tuple[int, ...] = ()


def add_labels(
    *, asker: Asker, labels: Sequence[NewLabel], is_replacing: bool = False
) -> LabelledCounts:
    """Add labels inside the asker's rights, all or none; what they said before stays as it is.

    What others said of the same object is theirs. Where it replaces, an earlier answer of the
    asker to the same set on the same object is taken back.

    Raises
    ------
    InvalidRequestError
        A label is empty, too long, or not about exactly one object, or speaks for somebody else.
    NotVisibleError
        An object is absent or outside the asker's rights; the message says which.
    NotAllowedError
        The asker may only look.
    """
    user = asker.user
    if user is None:
        raise NotVisibleError("Sign in to label.")
    check_labels(labels)
    if any(label.reader not in {"", user.get_username()} for label in labels):
        raise InvalidRequestError(
            gettext("Labels of other readers are imported by the site's operator.")
        )
    objects = LabelledObjects(user, labels)
    rows = [objects.row(label) for label in labels]
    if None in rows:
        number = rows.index(None) + 1
        raise NotVisibleError(f"Label {number}: there is no such study, series or instance.")
    for study in objects.studies:
        require_may_label(user, study)
    found = [row for row in rows if row is not None]
    for row in found:
        row.created_by_id = user.pk
    return _save(asker, objects, found, Source.PERSON, is_replacing=is_replacing)


def import_labels(
    *, asker: Asker, labels: Sequence[NewLabel], source: str = Source.FILE
) -> LabelledCounts:
    """Add labels for the site's operator, whose rights are not asked; unknown objects are told.

    Raises
    ------
    InvalidRequestError
        As for `add_labels`, or a reader has no account; nothing is added.
    """
    check_labels(labels)
    readers = _readers({label.reader for label in labels if label.reader})
    objects = LabelledObjects(None, labels)
    rows = [objects.row(label) for label in labels]
    for label, row in zip(labels, rows, strict=True):
        if row is not None:
            own = asker.user.pk if asker.user else None
            row.created_by_id = readers[label.reader] if label.reader else own
    unknown = tuple(number for number, row in enumerate(rows, start=1) if row is None)
    counts = _save(asker, objects, [row for row in rows if row is not None], source)
    return LabelledCounts(created=counts.created, existing=counts.existing, unknown=unknown)


def remove_label(*, asker: Asker, label_id: int) -> None:
    """Take back a label: one's own, or any as a radiology admin of the study's project.

    Raises
    ------
    NotVisibleError
        There is no such label in the asker's rights.
    NotAllowedError
        It is another reader's, or the asker may only look.
    """
    user = asker.user
    row = None
    if user is not None:
        visible = Study.objects.visible_to(user)
        row = (
            Label.objects.filter(pk=label_id, study__in=visible.values("pk"))
            .select_related("study")
            .first()
        )
    if row is None or user is None:
        raise NotVisibleError("There is no such label.")
    require_may_label(user, row.study)
    if row.created_by_id != user.pk and not may_take_back_others(user, row.study_id):
        raise NotAllowedError(gettext("A label is taken back by its reader or a radiology admin."))
    with transaction.atomic():
        row.delete()
        mark_words_stale([row.study_id])
        record_label_removed(
            asker, study_instance_uid=row.study.study_instance_uid, label_set=row.label_set
        )


def _readers(names: set[str]) -> dict[str, int]:
    if not names:
        return {}
    users = get_user_model().objects.filter(username__in=names)
    found = dict(users.values_list("username", "pk"))
    if missing := sorted(names - set(found)):
        raise InvalidRequestError(
            gettext("There is no account %(missing)s to label for.")
            % {"missing": repr(missing[0][:64])}
        )
    return found


def _save(
    asker: Asker,
    objects: LabelledObjects,
    rows: list[Label],
    source: str,
    *,
    is_replacing: bool = False,
) -> LabelledCounts:
    by_key = {_key(getattr(row, name) for name in _KEY): row for row in rows}
    with transaction.atomic():
        if is_replacing:
            _take_back(by_key.values())
        known = Label.objects.filter(study__in=objects.studies)
        for key in known.values_list(*_KEY):
            by_key.pop(_key(key), None)
        for row in by_key.values():
            row.source = source
        Label.objects.bulk_create(by_key.values(), ignore_conflicts=True, batch_size=1000)
        mark_words_stale(row.study_id for row in by_key.values())
        for study in objects.studies:
            audit.record_access(asker, study_instance_uid=study.study_instance_uid, what="label")
    return LabelledCounts(created=len(by_key), existing=len(rows) - len(by_key))


def _take_back(rows: Iterable[Label]) -> None:
    """Delete what the same readers said otherwise of the same objects in the same sets."""
    for row in rows:
        Label.objects.filter(
            study=row.study,
            series=row.series,
            instance=row.instance,
            frame=row.frame,
            region=row.region,
            label_set=row.label_set,
            created_by_id=row.created_by_id,
        ).exclude(label=row.label).delete()


def _key(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
