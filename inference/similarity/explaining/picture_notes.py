"""What is known of series, for the words of their thumbnails: views, sides, models' findings."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from archive.models.prepared import Prepared
from archive.query.picture_words import PictureNotes
from inference.models import Finding, Run, SeriesAttributes
from inference.models.querysets import on_trial
from inference.similarity.explaining.finding_terms import class_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

MAX_FINDINGS = 3
# A class that a model gives less than this is no statement of it.
LEAST_PROBABILITY = 0.5
_VIEWS, _SIDES = ("ViewPosition",), ("ImageLaterality", "Laterality")
# The header says the same, and is what the sentence begins with.
_SAID_ALREADY = frozenset({"modality", "body_part"})
_REVIEWS = {Finding.Review.UNVERIFIED: _("not reviewed"), Finding.Review.ACCEPTED: _("accepted")}


_VALUES = Prepared(
    lambda _, series: (
        SeriesAttributes.objects.filter(pk__in=series).order_by().values_list("pk", "values")
    ),
    is_exact=True,
)
_STATED = Prepared(lambda _, series: _statements(series))


def picture_notes(series_ids: Sequence[int]) -> dict[int, PictureNotes]:
    """Read what is known of series, in two queries.

    Parameters
    ----------
    series_ids : keys of series inside the asker's rights

    Returns
    -------
    Key to notes; series of which nothing is known are left out. Of models the newest run of each
    on each series has a say, at most `MAX_FINDINGS` statements a series, critical and sure ones
    first; trials and what a person rejected have none.
    """
    values = dict(_VALUES(None, series=series_ids))
    findings = _findings(series_ids)
    return {
        key: PictureNotes(
            views=_of(values.get(key, {}), _VIEWS),
            sides=_of(values.get(key, {}), _SIDES),
            findings=tuple(findings.get(key, ())),
        )
        for key in {*values, *findings}
    }


def _of(values: dict[str, list[str]], keywords: Iterable[str]) -> tuple[str, ...]:
    return tuple(value for keyword in keywords for value in values.get(keyword, ()))


def _statements(series_ids: Sequence[int]) -> QuerySet[Finding]:
    newest = (
        Run.objects.filter(series__in=series_ids, state=Run.State.SUCCEEDED, is_background=False)
        .exclude(on_trial())
        .order_by("series_id", "model_version__name", "-pk")
        .distinct("series_id", "model_version__name")
        .values("pk")
    )
    return (
        Finding.objects.standing()
        .filter(run__in=newest)
        .exclude(kind=Finding.Kind.MEASUREMENT)
        .exclude(name__in=_SAID_ALREADY)
        .exclude(probability__lt=LEAST_PROBABILITY)
        .order_by("series_id", "-is_critical", F("probability").desc(nulls_last=True), "pk")
    )


def _findings(series_ids: Sequence[int]) -> dict[int, list[str]]:
    said: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for row in _STATED(None, series=series_ids):
        lines = said[row.series_id]
        if len(lines) < MAX_FINDINGS:
            # Several places of one kind are told once, by the surest.
            lines.setdefault(_what(row), _line(row))
    return {key: list(lines.values()) for key, lines in said.items()}


def _what(finding: Finding) -> str:
    name = finding.name.replace("_", " ")
    label = class_words(finding.label) or finding.label.replace("_", " ")
    if not label or name in {"finding", label}:
        return label or name
    return f"{name} {label}"


def _line(finding: Finding) -> str:
    surety = "" if finding.probability is None else f" {finding.probability:.0%}"
    review = _REVIEWS.get(Finding.Review(finding.review), _("not reviewed"))
    return f"{_what(finding)}{surety.replace('%', ' %')} ({review})"
