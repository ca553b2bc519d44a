"""How often people agree with a model, over time and by what it says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from inference.models import FindingVerdict, ResultReview
from inference.review.rights import runs_in_review
from inference.similarity.explaining.summary import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from archive.models.querysets import AnyUser

# The newest decisions, at most so many: enough for any chart.
MAX_REVIEWS = 50_000
_WEEKS = 26


@dataclass
class Tally:
    """Decisions on results, and verdicts on their single statements."""

    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    agreed: int = 0
    statements: int = 0

    @property
    def results(self) -> int:
        """Return how many results were decided on."""
        return self.accepted + self.edited + self.rejected

    @property
    def share(self) -> float | None:
        """Return which share of the statements people agreed with."""
        return self.agreed / self.statements if self.statements else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of the share."""
        return (
            wilson_interval(self.agreed / self.statements, self.statements)
            if self.share is not None
            else None
        )


@dataclass
class ModelAgreement:
    """One version of a model before its reviewers."""

    model: str
    version: str
    total: Tally = field(default_factory=Tally)
    # By the first day of the week or month, in order.
    periods: dict[date, Tally] = field(default_factory=dict)
    # By what the model said.
    statements: dict[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True)
class Agreement:
    """All versions that anybody reviewed, and the length of a period."""

    models: tuple[ModelAgreement, ...]
    is_by_month: bool


def agreement_over_time(user: AnyUser, *, model: str = "") -> Agreement:
    """Return how people agree with each model's results in the user's projects.

    The last decision on a run counts. A statement counts as agreed where it was accepted as it
    was, alone or among others that were corrected.
    """
    reviews = ResultReview.objects.filter(run__in=runs_in_review(user).values("pk"))
    if model:
        reviews = reviews.filter(run__model_version__name=model)
    last = reviews.order_by("run_id", "-pk").distinct("run_id").values("pk")
    rows = list(
        ResultReview.objects.filter(pk__in=last)
        .order_by("-pk")
        .values_list(
            *("pk", "decision", "created_at"),
            *("run__model_version__name", "run__model_version__version"),
        )[:MAX_REVIEWS]
    )
    is_by_month = _span(row[2] for row in rows) > timedelta(weeks=_WEEKS)
    found: dict[tuple[str, str], ModelAgreement] = {}
    places: dict[int, tuple[ModelAgreement, Tally]] = {}
    for key, decision, moment, name, version in sorted(rows, key=lambda row: row[2]):
        of_model = found.setdefault((name, version), ModelAgreement(name, version))
        period = _start(moment.date(), is_by_month=is_by_month)
        tally = of_model.periods.setdefault(period, Tally())
        for one in (of_model.total, tally):
            setattr(one, decision, getattr(one, decision) + 1)
        places[key] = of_model, tally
    _count_verdicts(places)
    models = sorted(found.values(), key=lambda one: (-one.total.results, one.model, one.version))
    return Agreement(tuple(models), is_by_month)


def _count_verdicts(places: dict[int, tuple[ModelAgreement, Tally]]) -> None:
    rows = FindingVerdict.objects.filter(review__in=list(places)).order_by("pk")
    columns = ("review_id", "is_agreed", "finding__name", "finding__label", "finding__kind")
    by_words: dict[int, dict[str, Tally]] = defaultdict(dict)
    for review, is_agreed, name, label, kind in rows.values_list(*columns).iterator():
        of_model, period = places[review]
        words = f"{label} {name}".strip() if kind == "measurement" else label or name
        said = by_words[id(of_model)].setdefault(words, Tally())
        for one in (of_model.total, period, said):
            one.statements += 1
            one.agreed += is_agreed
    for of_model, _ in places.values():
        known = by_words[id(of_model)]
        most = sorted(known.items(), key=lambda item: (-item[1].statements, item[0]))
        of_model.statements = dict(most)


def _span(moments: Iterable[datetime]) -> timedelta:
    known = list(moments)
    return max(known) - min(known) if known else timedelta()


def _start(day: date, *, is_by_month: bool) -> date:
    return day.replace(day=1) if is_by_month else day - timedelta(days=day.weekday())
