"""What a case is, in a few lines: the study, and the series or instance that is meant of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.errors import NotVisibleError
from archive.models import Instance, Series, Study
from archive.query.study_overview import SeriesCard, card_of
from archive.query.worklist import WorklistRow, picture_series, row_of

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser, SeriesQuerySet


@dataclass(frozen=True)
class CaseHeader:
    """A study and, where it has pictures, the series that stands for it."""

    study: WorklistRow
    series: SeriesCard | None
    instance_uid: str = ""


def case_header(
    user: AnyUser, *, study_uid: str = "", series_uid: str = "", instance_uid: str = ""
) -> CaseHeader:
    """Return the case that the most specific of the UIDs names.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid, instance_uid
        at least one; those given must name one path

    Returns
    -------
    the study with the named series, else with its first series of pictures

    Raises
    ------
    NotVisibleError
        There is no such object in the user's rights.
    """
    if instance_uid:
        instances = Instance.objects.visible_to(user).filter(sop_instance_uid=instance_uid)
        series = _series(user).filter(pk__in=instances.values("series_id"))
    elif series_uid:
        series = _series(user)
    else:
        return _case_of_study(user, study_uid)
    if series_uid:
        series = series.filter(series_instance_uid=series_uid)
    if study_uid:
        series = series.filter(study__study_instance_uid=study_uid)
    found = series.first()
    if found is None:
        raise NotVisibleError("There is no such image, or it is outside your projects.")
    card = card_of(found)
    return CaseHeader(row_of(found.study, card.series_uid), card, instance_uid)


def _case_of_study(user: AnyUser, study_uid: str) -> CaseHeader:
    study = (
        Study.objects.visible_to(user)
        .select_related("patient")
        .filter(study_instance_uid=study_uid)
        .first()
    )
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    first = picture_series([study.pk]).get(study.pk)
    series = study.series.filter(series_instance_uid=first).first() if first else None
    return CaseHeader(row_of(study, first or ""), card_of(series) if series else None)


def _series(user: AnyUser) -> SeriesQuerySet:
    return Series.objects.visible_to(user).select_related("study__patient")
