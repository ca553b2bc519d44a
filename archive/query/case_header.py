"""What a case is, in a few lines: the study, and the series or instance that is meant of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from archive.errors import NotVisibleError
from archive.models import Instance, Series, Study
from archive.models.prepared import Prepared
from archive.query.study_overview import SeriesCard, card_of
from archive.query.worklist import WorklistRow, picture_series, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models.querysets import AnyUser


_SERIES_OF_INSTANCES = Prepared(
    lambda user, uids: (
        Instance.objects.visible_to(user)
        .filter(sop_instance_uid__in=uids)
        .order_by()
        .values_list("sop_instance_uid", "series__series_instance_uid")
    ),
    is_exact=True,
)
_SERIES = Prepared(
    lambda user, uids: (
        Series.objects.visible_to(user)
        .select_related("study__patient")
        .filter(series_instance_uid__in=uids)
    ),
    is_exact=True,
)
_STUDIES = Prepared(
    lambda user, uids: (
        Study.objects.visible_to(user).select_related("patient").filter(study_instance_uid__in=uids)
    ),
    is_exact=True,
)


class CaseUids(NamedTuple):
    """What names a case; at least one, those given must name one path."""

    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""


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
    named = CaseUids(study_uid, series_uid, instance_uid)
    found = case_headers(user, [named])[named]
    if found is None:
        what = "image" if series_uid or instance_uid else "study"
        raise NotVisibleError(f"There is no such {what}, or it is outside your projects.")
    return found


def case_headers(user: AnyUser, named: Iterable[CaseUids]) -> dict[CaseUids, CaseHeader | None]:
    """Return many cases at once, in as many queries as one takes.

    Parameters
    ----------
    user
        the asker
    named
        each as `case_header` takes it

    Returns
    -------
    to each its case; None where there is no such object in the user's rights
    """
    wanted = list(dict.fromkeys(named))
    instances = {one.instance_uid for one in wanted if one.instance_uid}
    of_instance = _series_of_instances(user, instances) if instances else {}
    meant = {one: of_instance.get(one.instance_uid, "") for one in wanted if one.instance_uid}
    meant |= {one: one.series_uid for one in wanted if one.series_uid and not one.instance_uid}
    rows = _series_by_uid(user, set(meant.values()) - {""})
    whole = {one.study_uid for one in wanted if one not in meant}
    studies = _cases_of_studies(user, whole - {""})
    return {
        one: _case(one, rows.get(meant[one])) if one in meant else studies.get(one.study_uid)
        for one in wanted
    }


def _case(named: CaseUids, series: Series | None) -> CaseHeader | None:
    if series is None or named.series_uid not in {"", series.series_instance_uid}:
        return None
    if named.study_uid not in {"", series.study.study_instance_uid}:
        return None
    card = card_of(series)
    return CaseHeader(row_of(series.study, card.series_uid), card, named.instance_uid)


def _series_of_instances(user: AnyUser, uids: set[str]) -> dict[str, str]:
    return dict(_SERIES_OF_INSTANCES(user, uids=uids))


def _series_by_uid(user: AnyUser, uids: set[str]) -> dict[str, Series]:
    if not uids:
        return {}
    return {row.series_instance_uid: row for row in _SERIES(user, uids=uids)}


def _cases_of_studies(user: AnyUser, uids: set[str]) -> dict[str, CaseHeader]:
    """Return studies with the series that stand for them: their first of pictures."""
    if not uids:
        return {}
    studies = _STUDIES(user, uids=uids)
    first = picture_series([study.pk for study in studies])
    series = _series_by_uid(user, set(first.values()))
    found = {}
    for study in studies:
        shown = series.get(first.get(study.pk, ""))
        card = card_of(shown) if shown else None
        found[study.study_instance_uid] = CaseHeader(
            row_of(study, card.series_uid if card else ""), card
        )
    return found
