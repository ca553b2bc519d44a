"""What models say about studies as reports, and what people made of it, by criteria.

A report is a run with its findings. What waits for a person is preliminary, what one accepted is
final, what one changed is corrected: it says what is right, with the model's word beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db.models import Case, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from archive.query.criteria.conditions import row_key
from inference.models import Finding, FindingVerdict, ModelVersion, ResultReview, Run
from inference.models.querysets import on_trial
from inference.runs.selectors import visible_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

_OF_RUN = ("model_version", "series", "study__patient")


class ReportStatus(StrEnum):
    """How far a report, or one statement of it, may be relied on."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"
    ENTERED_IN_ERROR = "entered-in-error"


_BY_DECISION = {
    ResultReview.Decision.ACCEPTED.value: ReportStatus.FINAL,
    ResultReview.Decision.EDITED.value: ReportStatus.CORRECTED,
    ResultReview.Decision.REJECTED.value: ReportStatus.ENTERED_IN_ERROR,
}

_DECIDED = [(decision, status.value) for decision, status in _BY_DECISION.items()]


@dataclass(frozen=True)
class Statement:
    """One thing that is said: by the model, or in its stead by a person."""

    finding: Finding
    run: Run
    status: ReportStatus
    label: str
    value: float | None
    changed_at: datetime
    # What the model said, where a person said something else.
    model_label: str = ""
    model_value: float | None = None


@dataclass(frozen=True)
class Report:
    """A model's result on a series, with what became of it."""

    run: Run
    status: ReportStatus
    changed_at: datetime
    reviewer: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    successor_uid: str = ""
    statements: tuple[Statement, ...] = field(default=())

    @property
    def standing(self) -> tuple[Statement, ...]:
        """What is said and was not taken back."""
        wrong = ReportStatus.ENTERED_IN_ERROR
        return tuple(one for one in self.statements if one.status is not wrong)


def report_runs(user: AnyUser) -> QuerySet[Any]:
    """Return the runs that are reports to a user, with their last decision.

    Vectors say nothing to people, and trials of models nothing to anybody but their reviewers.
    """
    reviews = ResultReview.objects.filter(run=OuterRef("pk")).order_by("-pk")
    rows: QuerySet[Any] = visible_runs(user).filter(state=Run.State.SUCCEEDED)
    reports: QuerySet[Any] = (
        rows.exclude(on_trial())
        .exclude(model_version__task=ModelVersion.Task.EMBED)
        .annotate(
            decision=Subquery(reviews.values("decision")[:1]),
            decided_at=Subquery(reviews.values("created_at")[:1]),
            # As the index has it: nobody decides before there is a result.
            changed_at=Coalesce("reviewed_at", "finished_at", "created_at"),
        )
        .annotate(
            standing=Case(
                *(When(decision=said, then=Value(status)) for said, status in _DECIDED),
                default=Value(ReportStatus.PRELIMINARY.value),
            ),
        )
    )
    return reports


def newest(runs: QuerySet[Any]) -> QuerySet[Any]:
    """Keep of each model on each series the newest report."""
    newer = Run.objects.filter(
        model_version=OuterRef("model_version"),
        series=OuterRef("series"),
        state=Run.State.SUCCEEDED,
        pk__gt=OuterRef("pk"),
    )
    return runs.filter(~Exists(newer))


def complete_reports(runs: Iterable[Any]) -> list[Report]:
    """Return runs of `report_runs` as reports: two statements for all of them."""
    rows = list(runs)
    keys = [row.pk for row in rows]
    reviews = ResultReview.objects.filter(run__in=keys).select_related("reviewer")
    last = {one.run_id: one for one in reviews.order_by("run_id", "-pk").distinct("run_id")}
    said: dict[int, list[Finding]] = {}
    for finding in _annotated(Finding.objects.filter(run__in=keys)).order_by("run_id", "pk"):
        said.setdefault(finding.run_id, []).append(finding)
    return [_report(row, last.get(row.pk), said.get(row.pk, [])) for row in rows]


def reports_by_keys(user: AnyUser, keys: Iterable[str]) -> list[Report]:
    """Return reports by the keys of their runs, those in the user's rights."""
    wanted = [key for key in (row_key(text) for text in keys) if key is not None]
    rows = report_runs(user).filter(pk__in=wanted).select_related(*_OF_RUN)
    return complete_reports(rows.order_by("pk"))


def statement_rows(user: AnyUser, *, are_newest: bool = False) -> QuerySet[Any]:
    """Return the findings of reports, of the newest or of all, with what people made of them."""
    runs = newest(report_runs(user)) if are_newest else report_runs(user)
    rows = _annotated(Finding.objects.filter(run__in=runs.order_by().values("pk")))
    found: QuerySet[Any] = rows.annotate(
        changed_at=Coalesce("run__reviewed_at", "run__finished_at", "run__created_at"),
    )
    return found


def complete_statements(rows: Iterable[Any]) -> list[Statement]:
    """Return rows of `statement_rows`, read with their runs, as statements."""
    return [_statement(row, row.run, row.changed_at) for row in rows]


def with_runs(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Read statements' runs, studies and patients with them."""
    return rows.select_related(*(f"run__{name}" for name in _OF_RUN))


def _annotated(rows: QuerySet[Finding]) -> QuerySet[Any]:
    """Add the last verdict on each finding, what is right by it, and where it stands."""
    reviews = ResultReview.objects.filter(run=OuterRef("run_id")).order_by("-pk")
    verdicts = FindingVerdict.objects.filter(finding=OuterRef("pk")).order_by("-review_id")
    was_changed = ~Q(corrected_label="") | Q(corrected_value__isnull=False)
    found: QuerySet[Any] = rows.annotate(
        decision=Subquery(reviews.values("decision")[:1]),
        decided_at=Subquery(reviews.values("created_at")[:1]),
        corrected_label=Coalesce(Subquery(verdicts.values("label")[:1]), Value("")),
        corrected_value=Subquery(verdicts.values("value")[:1]),
    ).annotate(
        said_label=Case(When(~Q(corrected_label=""), then="corrected_label"), default="label"),
        said_value=Coalesce("corrected_value", "value"),
        standing=Case(
            When(review=Finding.Review.UNVERIFIED, then=Value(ReportStatus.PRELIMINARY.value)),
            When(review=Finding.Review.ACCEPTED, then=Value(ReportStatus.FINAL.value)),
            When(
                was_changed & Q(decision=ResultReview.Decision.EDITED),
                then=Value(ReportStatus.CORRECTED.value),
            ),
            default=Value(ReportStatus.ENTERED_IN_ERROR.value),
        ),
    )
    return found


def _report(run: Any, review: ResultReview | None, findings: Sequence[Any]) -> Report:
    reviewer = review.reviewer if review else None
    return Report(
        run=run,
        status=ReportStatus(run.standing),
        changed_at=run.changed_at,
        reviewer=(reviewer.get_full_name() or reviewer.get_username()) if reviewer else "",
        decided_at=run.decided_at,
        reason=review.reason if review else "",
        successor_uid=review.successor_uid if review else "",
        statements=tuple(_statement(one, run, run.changed_at) for one in findings),
    )


def _statement(row: Any, run: Run, changed_at: datetime) -> Statement:
    status = ReportStatus(row.standing)
    is_changed = status is ReportStatus.CORRECTED
    return Statement(
        finding=row,
        run=run,
        status=status,
        label=row.said_label if is_changed else row.label,
        value=row.said_value if is_changed else row.value,
        changed_at=changed_at,
        model_label=row.label if is_changed else "",
        model_value=row.value if is_changed else None,
    )
