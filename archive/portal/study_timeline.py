"""The studies of a patient along time, and how far each lies from the one in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    from datetime import date

    from archive.query.study_overview import StudyOverview
    from archive.query.worklist import WorklistRow

_MONTH_DAYS, _YEAR_DAYS = 30.44, 365.25
# Up to so many days are counted as days, up to so many months as months.
_MAX_DAYS, _MAX_MONTHS = 60, 23


@dataclass(frozen=True)
class TimelineEntry:
    """A study of the patient; ``distance`` is written out, empty for the one in hand."""

    row: WorklistRow
    distance: str
    is_current: bool


def timeline(overview: StudyOverview) -> list[TimelineEntry]:
    """Return the study and the others of its patient, newest first, undated ones last."""
    current = overview.study
    rows = [current, *overview.priors]
    rows.sort(key=lambda row: row.study_date.toordinal() if row.study_date else 0, reverse=True)
    return [
        TimelineEntry(
            row=row,
            distance=_distance(row.study_date, current.study_date) if row is not current else "",
            is_current=row is current,
        )
        for row in rows
    ]


def _distance(one: date | None, current: date | None) -> str:
    if one is None or current is None:
        return ""
    days = (one - current).days
    if days == 0:
        return _("same day")
    span = _span(abs(days))
    if days < 0:
        return _("%(span)s before") % {"span": span}
    return _("%(span)s after") % {"span": span}


def _span(days: int) -> str:
    if days <= _MAX_DAYS:
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    months = round(days / _MONTH_DAYS)
    if months <= _MAX_MONTHS:
        return ngettext("%(count)d month", "%(count)d months", months) % {"count": months}
    years = round(days / _YEAR_DAYS)
    return ngettext("%(count)d year", "%(count)d years", years) % {"count": years}
