"""The worklist of results to review, inside the reviewer's rights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.db.models import Exists, F, Min, OuterRef, Q, Subquery

from archive.access.selectors import rights_key_of
from archive.errors import NotVisibleError
from archive.models import Study
from archive.models.prepared import Prepared
from inference.models import Finding, FindingVerdict, ModelVersion, ResultReview, Run
from inference.review.rights import last_decision, reviewable_runs
from inference.review.routine import telling
from inference.review.types import (
    Order,
    PastReview,
    Result,
    ReviewedFinding,
    ReviewFilters,
    ReviewPage,
    Scope,
    Standing,
    StudyReview,
)
from inference.runs.selectors import visible_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

PAGE_SIZE = 25
_MAX_CHOICES = 100
_CACHE_SECONDS = 30
_PARTS = ("model_version", "series__study__patient")


def review_page(user: AnyUser, filters: ReviewFilters, *, page: int = 1) -> ReviewPage:
    """Return one page of the results that the user may review; beyond the end, the last one."""
    mine = reviewable_runs(user)
    rows = _ordered(_narrowed(mine, filters), filters.order)
    total = rows.count()
    number_of_pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(1, page), number_of_pages)
    start = (page - 1) * PAGE_SIZE
    runs = list(rows.select_related(*_PARTS)[start : start + PAGE_SIZE])
    findings = _findings_of(runs)
    return ReviewPage(
        results=[_result(run, findings.get(run.pk, [])) for run in runs],
        total=total,
        page=page,
        number_of_pages=number_of_pages,
        models=_values(user, mine, "model_version__name"),
        modalities=_values(user, mine, "series__modality"),
        folded=_folded(mine, filters, total),
    )


def result_to_review(user: AnyUser, run_id: int) -> Result:
    """Return one result with its findings and what was decided on it so far.

    Raises
    ------
    NotVisibleError
        There is none, or the user may not review it.
    """
    run = _decided(reviewable_runs(user)).select_related(*_PARTS).filter(pk=run_id).first()
    if run is None:
        raise NotVisibleError("There is no such result to review.")
    reviews = list(ResultReview.objects.filter(run=run).select_related("reviewer").order_by("-pk"))
    verdicts: dict[int, FindingVerdict] = {}
    if reviews:
        verdicts = {one.finding_id: one for one in reviews[0].verdicts.all()}
    result = _result(run, _findings_of([run]).get(run.pk, []), verdicts, reviews)
    return replace(result, choices=_choices(run.model_version))


def reviews_of_study(user: AnyUser, study_uid: str) -> dict[int, StudyReview]:
    """Return the last decision on each run of a study that the user sees, by the run's key."""
    studies = Study.objects.visible_to(user).filter(study_instance_uid=study_uid)
    reviews = (
        ResultReview.objects.filter(run__study__in=studies.values("pk"))
        .order_by("run_id", "-pk")
        .distinct("run_id")
        .select_related("reviewer")
        .prefetch_related("verdicts__finding")
    )
    return {
        review.run_id: StudyReview(
            decision=review.decision,
            reviewer=_name(review),
            corrected=tuple(
                _finding(verdict.finding, verdict)
                for verdict in review.verdicts.all()
                if verdict.label or verdict.value is not None
            ),
        )
        for review in reviews
    }


_DECISIONS = Prepared(
    lambda user, uids: (
        ResultReview.objects.filter(
            run__in=visible_runs(user)
            .filter(study__study_instance_uid__in=uids)
            .order_by()
            .values("pk")
        )
        .order_by("run_id", "-pk")
        .distinct("run_id")
        .values_list("run__study__study_instance_uid", "decision")
    )
)


def decisions_of_studies(user: AnyUser, study_uids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the last decisions on each study's results; a study without any is left out."""
    counts: dict[str, dict[str, int]] = {}
    for study_uid, decision in _DECISIONS(user, uids=study_uids):
        decisions = counts.setdefault(study_uid, {})
        decisions[decision] = decisions.get(decision, 0) + 1
    return counts


def neighbours(user: AnyUser, filters: ReviewFilters, run_id: int) -> tuple[int | None, int | None]:
    """Return the results before and after one in the worklist; the first where it is not there."""
    rows = _ordered(_narrowed(reviewable_runs(user), filters), filters.order)
    keys = list(rows.values_list("pk", flat=True)[:2000])
    if run_id not in keys:
        return None, next(iter(keys), None)
    at = keys.index(run_id)
    after = keys[at + 1] if at + 1 < len(keys) else None
    return (keys[at - 1] if at else None), after


def critical_count(user: AnyUser) -> int:
    """Count the results with a critical finding that nobody has reviewed yet."""
    rows = _decided(reviewable_runs(user)).filter(decision__isnull=True)
    return rows.filter(Exists(_critical())).count()


def _choices(version: ModelVersion) -> tuple[str, ...]:
    """Return what a model may answer: as its entry lists it, else as it has answered so far."""
    listed = [str(one.get("name") or "") for one in version.labels if isinstance(one, dict)]
    if not any(listed):
        rows = Finding.objects.filter(run__model_version=version).exclude(kind="measurement")
        listed = list(rows.order_by().values_list("label", flat=True).distinct()[:_MAX_CHOICES])
    return tuple(sorted({name for name in listed if name}))


def _decided(runs: QuerySet[Run]) -> QuerySet[Any]:
    return runs.annotate(decision=Subquery(last_decision()))


def _folded(runs: QuerySet[Run], filters: ReviewFilters, shown: int) -> int:
    """Count the waiting results that fit and are not listed."""
    if filters.standing is not Standing.WAITING or filters.scope is not Scope.TELLING:
        return 0
    return _narrowed(runs, replace(filters, scope=Scope.ALL)).count() - shown


def _critical() -> QuerySet[Finding]:
    return Finding.objects.filter(run=OuterRef("pk"), is_critical=True)


def _narrowed(runs: QuerySet[Run], filters: ReviewFilters) -> QuerySet[Run]:
    rows = _decided(runs)
    if filters.standing is Standing.WAITING:
        rows = rows.filter(decision__isnull=True)
        if filters.scope is Scope.TELLING:
            rows = telling(rows)
    elif filters.standing is not Standing.ALL:
        rows = rows.filter(decision=filters.standing.value)
    if filters.model:
        rows = rows.filter(model_version__name=filters.model)
    if filters.modality:
        rows = rows.filter(series__modality=filters.modality)
    if filters.study:
        rows = rows.filter(study__study_instance_uid=filters.study)
    if filters.finding:
        named = Q(name__icontains=filters.finding) | Q(label__icontains=filters.finding)
        rows = rows.filter(Exists(Finding.objects.filter(named, run=OuterRef("pk"))))
    return rows


def _ordered(runs: QuerySet[Run], order: Order) -> QuerySet[Run]:
    if order is Order.NEWEST:
        return runs.order_by("-pk")
    if order is Order.UNSURE:
        least = Min("findings__probability", filter=Q(findings__kind="classification"))
        return runs.annotate(least=least).order_by(F("least").asc(nulls_last=True), "pk")
    return runs.annotate(has_critical=Exists(_critical())).order_by(
        "-has_critical", "-priority", "pk"
    )


def _values(user: AnyUser, runs: QuerySet[Run], column: str) -> list[str]:
    """Return what a filter can be set to; seconds old at most."""
    key = f"review-{column}-{rights_key_of(user)}"
    known: list[str] | None = cache.get(key)
    if known is None:
        found = runs.order_by().values_list(column, flat=True).distinct()
        known = sorted(value for value in found if value)
        if known:
            cache.set(key, known, _CACHE_SECONDS)
    return known


def _findings_of(runs: Iterable[Run]) -> dict[int, list[Finding]]:
    found: dict[int, list[Finding]] = {}
    rows = Finding.objects.filter(run__in=[run.pk for run in runs]).order_by("run_id", "pk")
    for finding in rows:
        found.setdefault(finding.run_id, []).append(finding)
    return found


def _result(
    run: Any,
    findings: list[Finding],
    verdicts: dict[int, FindingVerdict] | None = None,
    reviews: Iterable[ResultReview] = (),
) -> Result:
    version, series, study = run.model_version, run.series, run.series.study
    known = verdicts or {}
    return Result(
        run=run.pk,
        model=version.name,
        version=version.version,
        task=version.task,
        description=version.description,
        is_trial=run.is_shadow or version.state == ModelVersion.State.SHADOW,
        is_diagnostic=version.is_diagnostic,
        is_critical=any(one.is_critical for one in findings),
        priority=run.priority,
        message=run.message,
        finished_at=run.finished_at,
        study_uid=study.study_instance_uid,
        series_uid=series.series_instance_uid,
        modality=series.modality,
        body_part=series.body_part_examined,
        series_description=series.series_description,
        patient_name=study.patient.patient_name,
        patient_id=study.patient.dicom_patient_id,
        study_date=study.study_date,
        standing=Standing(run.decision) if run.decision else Standing.WAITING,
        findings=tuple(_finding(one, known.get(one.pk)) for one in findings),
        outputs={kind: str(uid) for kind, uid in run.outputs.items() if isinstance(uid, str)},
        history=tuple(_past(review) for review in reviews),
    )


def _finding(row: Finding, verdict: FindingVerdict | None) -> ReviewedFinding:
    return ReviewedFinding(
        pk=row.pk,
        kind=row.kind,
        name=row.name,
        label=row.label,
        value=row.value,
        unit=row.unit,
        probability=row.probability,
        location=row.location,
        review=row.review,
        is_critical=row.is_critical,
        is_agreed=verdict.is_agreed if verdict else None,
        corrected_label=verdict.label if verdict else "",
        corrected_value=verdict.value if verdict else None,
    )


def _past(review: ResultReview) -> PastReview:
    return PastReview(
        pk=review.pk,
        decision=review.decision,
        reviewer=_name(review),
        reason=review.reason,
        successor_uid=review.successor_uid,
        created_at=review.created_at,
    )


def _name(review: ResultReview) -> str:
    reviewer = review.reviewer
    return (reviewer.get_full_name() or reviewer.get_username()) if reviewer else ""
