"""What models mark on the images of a series: boxes of detections, heat of explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.errors import NotVisibleError
from archive.models import Series
from inference.bundles.gates import notice_of
from inference.models import Finding, Run
from inference.runs.explanations import is_explainable, is_explanation_void
from inference.runs.selectors import visible_runs

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

_MOST_RUNS = 50


@dataclass(frozen=True)
class SeriesMarks:
    """Marks of the newest successful run of each model.

    Attributes
    ----------
    boxes : detections nobody rejected: ``slices`` are image, frame, left, top, width, height
    heat : maps of small grids, each on one frame, of answers that nobody rejected
    unexplained : classifications for which a heat map can be asked
    """

    boxes: list[dict[str, Any]]
    heat: list[dict[str, Any]]
    unexplained: list[dict[str, Any]]


def marks_of_series(user: AnyUser, series_uid: str) -> SeriesMarks:
    """Return what is marked on a series; NotVisibleError outside the rights."""
    series = Series.objects.visible_to(user).filter(series_instance_uid=series_uid).first()
    if series is None:
        raise NotVisibleError("There is no such series.")
    newest = (
        visible_runs(user)
        .filter(series=series, state=Run.State.SUCCEEDED)
        .order_by("model_version_id", "-pk")
        .distinct("model_version_id")
        .values("pk")
    )
    runs = list(
        Run.objects.filter(pk__in=newest)
        .select_related("model_version")
        .prefetch_related("findings")
        .order_by("pk")[:_MOST_RUNS]
    )
    return SeriesMarks(
        boxes=[box for run in runs for box in _boxes(run)],
        heat=[_heat(run) for run in runs if run.outputs.get("overlay") and not _is_void(run)],
        unexplained=[one for run in runs for one in _unexplained(run)],
    )


def _about(run: Run) -> dict[str, Any]:
    version = run.model_version
    return {"run": run.pk, "model": str(version), "notice": notice_of(version)}


def _boxes(run: Run) -> list[dict[str, Any]]:
    return [
        {
            **_about(run),
            "finding": finding.pk,
            "says": finding.label,
            "probability": finding.probability,
            "size": finding.value,
            "unit": finding.unit,
            "review": finding.review,
            "slices": finding.location.get("slices", []),
        }
        for finding in run.findings.all()
        if finding.kind == Finding.Kind.DETECTION and finding.review != Finding.Review.REJECTED
    ]


def _heat(run: Run) -> dict[str, Any]:
    return {**_about(run), **run.outputs["overlay"]}


def _is_void(run: Run) -> bool:
    return is_explanation_void(run.findings.all())


def _unexplained(run: Run) -> list[dict[str, Any]]:
    answers = [one for one in run.findings.all() if one.kind == Finding.Kind.CLASSIFICATION]
    if not answers or not is_explainable(run) or _is_void(run):
        return []
    return [{**_about(run), "says": answers[-1].label}]
