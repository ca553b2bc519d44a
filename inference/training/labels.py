"""Labels as their readers see them: on a study, and the names that are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from archive.errors import NotVisibleError
from archive.models import Series, Study
from archive.models.access import LABELLING_ROLES, Role
from archive.models.prepared import Prepared
from archive.models.querysets import readable_projects
from inference.models import Label
from inference.training.agreement import labels_to_agree_on

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models.querysets import AnyUser

_MAX_NAMES = 2000
_STUDY = Prepared(
    lambda user, uid: (
        Study.objects.visible_to(user).filter(study_instance_uid=uid).values_list("pk", flat=True)
    ),
    is_exact=True,
)
_MAY_LABEL = Prepared(
    lambda user, study: (
        readable_projects(user, LABELLING_ROLES)
        .filter(studies=study)
        .order_by()
        .values_list("pk")[:1]
    )
)
_MAY_TAKE_BACK = Prepared(
    lambda user, study: (
        readable_projects(user, frozenset({Role.RADIOLOGY_ADMIN}))
        .filter(studies=study)
        .order_by()
        .values_list("pk")[:1]
    )
)
_LABELS = Prepared(
    lambda _, study: (
        Label.objects.on_shown()
        .filter(study_id=study)
        .select_related("series", "instance__series", "created_by")
        .order_by("label_set", "label", "pk")
    )
)
_LABELS_OF_SERIES = Prepared(
    lambda user, study, uid: (
        Label.objects.on_kept()
        .filter(_named(user, uid), study_id=study)
        .select_related("series", "instance__series", "created_by")
        .order_by("label_set", "label", "pk")
    )
)
_NAMES = Prepared(
    lambda user: (
        labels_to_agree_on(user)
        .order_by("label_set", "label")
        .values_list("label_set", "label")
        .distinct()[:_MAX_NAMES]
    )
)


@dataclass(frozen=True)
class LabelView:
    """One label: who said what of which object, and whether the asker may take it back."""

    pk: int
    label_set: str
    label: str
    reader: str
    source: str
    series_uid: str
    instance_uid: str
    frame: int | None
    region: tuple[int, ...]
    is_mine: bool
    may_remove: bool
    created_at: datetime


@dataclass(frozen=True)
class StudyLabels:
    """A study's labels, and whether the asker may add some."""

    labels: tuple[LabelView, ...]
    may_label: bool


def study_labels(user: AnyUser, study_uid: str, *, series_uid: str = "") -> StudyLabels:
    """Return the labels on a study and on all that it shows; NotVisibleError outside the rights.

    Those of series on trial are given to who names one of them and may see it: then only the
    labels on that series and on the study come.
    """
    study: int | None = _STUDY.first(user, uid=study_uid)
    if study is None:
        raise NotVisibleError("There is no such study.")
    may_label = bool(_MAY_LABEL(user, study=study))
    is_admin = may_take_back_others(user, study)
    if series_uid:
        rows = _LABELS_OF_SERIES(user, study=study, uid=series_uid)
    else:
        rows = _LABELS(None, study=study)
    return StudyLabels(
        labels=tuple(
            _view(row, is_mine=row.created_by_id == user.pk, may_label=may_label, is_admin=is_admin)
            for row in rows
        ),
        may_label=may_label,
    )


def may_take_back_others(user: AnyUser, study: int) -> bool:
    """Whether the user is a radiology admin of one of the study's projects."""
    return bool(_MAY_TAKE_BACK(user, study=study))


def _named(user: AnyUser, series_uid: str) -> Q:
    series = Series.objects.visible_to(user).order_by().filter(series_instance_uid=series_uid)
    of_study = Q(series__isnull=True, instance__isnull=True)
    return of_study | Q(series__in=series) | Q(instance__series__in=series)


def _view(row: Label, *, is_mine: bool, may_label: bool, is_admin: bool) -> LabelView:
    series = row.series or (row.instance.series if row.instance else None)
    reader = row.created_by
    return LabelView(
        pk=row.pk,
        label_set=row.label_set,
        label=row.label,
        reader=(reader.get_full_name() or reader.get_username()) if reader else "",
        source=row.source,
        series_uid=series.series_instance_uid if series else "",
        instance_uid=row.instance.sop_instance_uid if row.instance else "",
        frame=row.frame,
        region=tuple(row.region),
        is_mine=is_mine,
        may_remove=may_label and (is_mine or is_admin),
        created_at=row.created_at,
    )


def label_names(user: AnyUser) -> dict[str, list[str]]:
    """Return the sets of labels in the projects in which the user labels, each with its labels."""
    found: dict[str, list[str]] = {}
    for label_set, label in _NAMES(user):
        found.setdefault(label_set, []).append(label)
    return found
