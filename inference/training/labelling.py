"""What people say about studies, series and instances, kept as labels. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from archive.access.selectors import require_may_label
from archive.audit import services as audit
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Instance, Series, Study
from inference.models import Label
from inference.similarity.words.series_words import mark_words_stale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

MAX_LENGTH = 64
MAX_LABELS = 10_000
_KEY = ("study_id", "series_id", "instance_id", "label_set", "label")


@dataclass(frozen=True)
class NewLabel:
    """One label on one object: exactly one of the three UIDs is given."""

    label_set: str
    label: str
    study: str = ""
    series: str = ""
    instance: str = ""


@dataclass(frozen=True)
class LabelledCounts:
    """How many labels are new, how many were there, and which name no object (from 1)."""

    created: int
    existing: int
    unknown: tuple[int, ...] = ()


def add_labels(*, asker: Asker, labels: Sequence[NewLabel]) -> LabelledCounts:
    """Add labels inside the asker's rights, all or none; one that is there already stays as it is.

    Raises
    ------
    InvalidRequestError
        A label is empty, too long, or not about exactly one object.
    NotVisibleError
        An object is absent or outside the asker's rights; the message says which.
    NotAllowedError
        The asker may only look.
    """
    user = asker.user
    if user is None:
        raise NotVisibleError("Sign in to label.")
    _check_all(labels)
    objects = _Objects(user, labels)
    rows = [objects.row(label) for label in labels]
    if None in rows:
        number = rows.index(None) + 1
        raise NotVisibleError(f"Label {number}: there is no such study, series or instance.")
    for study in objects.studies:
        require_may_label(user, study)
    return _save(asker, objects, [row for row in rows if row is not None])


def import_labels(*, asker: Asker, labels: Sequence[NewLabel]) -> LabelledCounts:
    """Add labels for the site's operator, whose rights are not asked; unknown objects are told.

    Raises
    ------
    InvalidRequestError
        As for `add_labels`; nothing is added.
    """
    _check_all(labels)
    objects = _Objects(None, labels)
    rows = [objects.row(label) for label in labels]
    unknown = tuple(number for number, row in enumerate(rows, start=1) if row is None)
    counts = _save(asker, objects, [row for row in rows if row is not None])
    return LabelledCounts(created=counts.created, existing=counts.existing, unknown=unknown)


def _save(asker: Asker, objects: _Objects, rows: list[Label]) -> LabelledCounts:
    by_key = {tuple(getattr(row, name) for name in _KEY): row for row in rows}
    with transaction.atomic():
        known = Label.objects.filter(study__in=objects.studies)
        for key in known.values_list(*_KEY):
            by_key.pop(key, None)
        for row in by_key.values():
            row.created_by_id = asker.user.pk if asker.user else None
        Label.objects.bulk_create(by_key.values(), ignore_conflicts=True, batch_size=1000)
        mark_words_stale(row.study_id for row in by_key.values())
        for study in objects.studies:
            audit.record_access(asker, study_instance_uid=study.study_instance_uid, what="label")
    return LabelledCounts(created=len(by_key), existing=len(rows) - len(by_key))


def _check_all(labels: Sequence[NewLabel]) -> None:
    if len(labels) > MAX_LABELS:
        raise InvalidRequestError(f"At most {MAX_LABELS} labels at once.")
    for number, label in enumerate(labels, start=1):
        if sum(bool(uid) for uid in (label.study, label.series, label.instance)) != 1:
            raise InvalidRequestError(f"Label {number}: name one study, series or instance.")
        for text in (label.label_set, label.label):
            if not text.strip() or len(text) > MAX_LENGTH or not text.isprintable():
                message = f"Label {number}: label and set are texts of 1 to {MAX_LENGTH} signs."
                raise InvalidRequestError(message)


class _Objects:
    """The labelled objects, found in three queries: inside a user's rights, or all there are."""

    def __init__(self, user: AnyUser | None, labels: Iterable[NewLabel]) -> None:
        wanted = list(labels)
        studies, series, instances = (
            kind.objects.all() if user is None else kind.objects.visible_to(user)
            for kind in (Study, Series, Instance)
        )
        self._studies = _by_uid(studies, "study_instance_uid", {x.study for x in wanted})
        self._series = _by_uid(
            series.select_related("study"), "series_instance_uid", {x.series for x in wanted}
        )
        self._instances = _by_uid(
            instances.select_related("series__study"),
            "sop_instance_uid",
            {x.instance for x in wanted},
        )
        self.studies: set[Study] = set()

    def row(self, label: NewLabel) -> Label | None:
        """Return the row of a label that is not saved yet; None where its object is not there."""
        study, series = self._studies.get(label.study), self._series.get(label.series)
        instance = self._instances.get(label.instance)
        if series is not None:
            study = series.study
        elif instance is not None:
            study = instance.series.study
        if study is None:
            return None
        self.studies.add(study)
        return Label(
            study=study,
            series=series,
            instance=instance,
            label_set=label.label_set.strip(),
            label=label.label.strip(),
        )


def _by_uid(rows: Any, field: str, uids: set[str]) -> dict[str, Any]:
    wanted = uids - {""}
    if not wanted:
        return {}
    return {getattr(row, field): row for row in rows.filter(**{f"{field}__in": wanted})}
