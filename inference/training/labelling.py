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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

MAX_LENGTH = 64
MAX_LABELS = 10_000


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
    """How many labels are new, and how many were there already."""

    created: int
    existing: int


def add_labels(*, asker: Asker, labels: Sequence[NewLabel]) -> LabelledCounts:
    """Add labels, all or none; one that is there already is left as it is.

    Raises
    ------
    InvalidRequestError
        A label is empty, too long, or not about exactly one object.
    NotVisibleError
        An object is absent or outside the asker's rights; the message says which.
    NotAllowedError
        The asker may only look.
    """
    if len(labels) > MAX_LABELS:
        raise InvalidRequestError(f"At most {MAX_LABELS} labels at once.")
    for number, label in enumerate(labels, start=1):
        _check(number, label)
    objects = _Objects(asker.user, labels) if asker.user is not None else None
    if objects is None:
        raise NotVisibleError("Sign in to label.")
    rows = [objects.row(number, label) for number, label in enumerate(labels, start=1)]
    for study in objects.studies:
        require_may_label(objects.user, study)
    with transaction.atomic():
        before = Label.objects.count()
        for row in rows:
            row.created_by_id = asker.user.pk if asker.user else None
        Label.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
        created = Label.objects.count() - before
        for study in objects.studies:
            audit.record_access(asker, study_instance_uid=study.study_instance_uid, what="label")
    return LabelledCounts(created=created, existing=len(rows) - created)


def _check(number: int, label: NewLabel) -> None:
    if sum(bool(uid) for uid in (label.study, label.series, label.instance)) != 1:
        raise InvalidRequestError(f"Label {number}: name one study, series or instance.")
    for text in (label.label_set, label.label):
        if not text.strip() or len(text) > MAX_LENGTH or not text.isprintable():
            message = f"Label {number}: label and label set are texts of 1 to {MAX_LENGTH} signs."
            raise InvalidRequestError(message)


class _Objects:
    """The labelled objects, found inside the asker's rights in three queries."""

    def __init__(self, user: AnyUser, labels: Iterable[NewLabel]) -> None:
        self.user = user
        wanted = list(labels)
        self._studies = _by_uid(
            Study.objects.visible_to(user), "study_instance_uid", {x.study for x in wanted}
        )
        self._series = _by_uid(
            Series.objects.visible_to(user).select_related("study"),
            "series_instance_uid",
            {x.series for x in wanted},
        )
        self._instances = _by_uid(
            Instance.objects.visible_to(user).select_related("series__study"),
            "sop_instance_uid",
            {x.instance for x in wanted},
        )
        self.studies: set[Study] = set()

    def row(self, number: int, label: NewLabel) -> Label:
        """Return the row of a label that is not saved yet."""
        study, series = self._studies.get(label.study), self._series.get(label.series)
        instance = self._instances.get(label.instance)
        if series is not None:
            study = series.study
        elif instance is not None:
            study = instance.series.study
        if study is None:
            raise NotVisibleError(f"Label {number}: there is no such study, series or instance.")
        self.studies.add(study)
        return Label(
            study=study,
            series=series,
            instance=instance,
            label_set=label.label_set.strip(),
            label=label.label.strip(),
        )


def _by_uid(rows: Any, field: str, uids: set[str]) -> dict[str, Any]:
    found = rows.filter(**{f"{field}__in": uids - {""}})
    return {getattr(row, field): row for row in found}
