"""Why a classifier said so: which answers are explained, when, and on whose request. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext

from archive.access.selectors import require_may_label
from archive.audit.services import record_run_requested
from archive.curation.services import withhold_series
from archive.models import Series
from inference.errors import RunConflictError
from inference.models import Finding, ModelVersion, ResultReview, Run
from inference.runs.selectors import find_run
from inference.runs.trials import note_trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker
    from inference.runs.types import FindingValue

EXPLAINABLE = ("linear_head", "classifier")
# What a version's entry may say under `explain`.
AT_ONCE, WHEN_ASKED = "always", "asked"


@dataclass(frozen=True)
class Answer:
    """What a classifier said, and to which question."""

    name: str
    label: str


def is_explained_at_once(version: ModelVersion) -> bool:
    """Whether each run of the model ends with a heat map.

    What modality and body part an image has is asked of every series and seldom doubted: there,
    unless the registry says otherwise, somebody has to ask.
    """
    usual = WHEN_ASKED if version.pipeline == "linear_head" else AT_ONCE
    return version.pipeline in EXPLAINABLE and version.config.get("explain", usual) == AT_ONCE


def answer_of(findings: Iterable[FindingValue]) -> Answer | None:
    """Return the answer that a heat map explains: the last one, the most particular."""
    answers = [one for one in findings if one.kind == "classification"]
    return Answer(answers[-1].name, answers[-1].label) if answers else None


def is_explainable(run: Run) -> bool:
    """Whether a heat map can be made for a run and there is none."""
    return (
        run.state == Run.State.SUCCEEDED
        and run.model_version.pipeline in EXPLAINABLE
        and "heatmap" not in run.outputs
    )


def request_explanation(*, asker: Asker, run_id: int) -> Run:
    """Have a heat map made for a classification that has none.

    Raises
    ------
    NotVisibleError
        There is no such run in the asker's rights.
    NotAllowedError
        The asker may only look.
    RunConflictError
        The run was no success, is no classification, or is explained already.
    """
    from inference.runs.tasks import explain_run_task  # noqa: PLC0415 tasks import services

    user = asker.user
    run = find_run(user, run_id)  # type: ignore[arg-type]  # nobody sees no run
    require_may_label(user, run.study)  # type: ignore[arg-type]  # as above
    if not is_explainable(run):
        raise RunConflictError(gettext("This run can't be explained, or is explained already."))
    with transaction.atomic():
        record_run_requested(
            asker,
            study_instance_uid=run.study.study_instance_uid,
            model=f"{run.model_version}: heat map",
        )
        transaction.on_commit(partial(explain_run_task.delay, run.pk))
    return run


def is_explanation_void(findings: Iterable[Finding]) -> bool:
    """Whether a person has put right or rejected what a run's heat map explains.

    Of a classifier that is its last answer, of a detector all places that it found: while one of
    them stands, so does the map.

    Parameters
    ----------
    findings
        of the run, in their order
    """
    found = list(findings)
    answers = [one for one in found if one.kind == Finding.Kind.CLASSIFICATION][-1:]
    explained = answers or [one for one in found if one.kind == Finding.Kind.DETECTION]
    return bool(explained) and all(one.review == Finding.Review.REJECTED for one in explained)


def open_answer(run_id: int) -> Answer | None:
    """Return what is to be explained of a run; None where that is done or can't be."""
    run = Run.objects.select_related("model_version").filter(pk=run_id).first()
    if run is None or not is_explainable(run):
        return None
    finding = run.findings.filter(kind="classification").order_by("-pk").first()
    return Answer(finding.name, finding.label) if finding else None


def record_explanation(run_id: int, outputs: dict[str, Any]) -> None:
    """Keep where the heat map is, which is seen as far as the answer that it explains."""
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        run.outputs = {**run.outputs, **outputs}
        run.save(update_fields=["outputs"])
        if reason := _hidden_for(run):
            uids = [uid for uid in outputs.values() if isinstance(uid, str)]
            withhold_series(sop_instance_uids=uids, reason=reason)


def _hidden_for(run: Run) -> str:
    if note_trial(run):
        return Series.Withheld.TRIAL
    if not is_explanation_void(run.findings.order_by("pk")):
        return Series.Withheld.NOT
    last = run.reviews.order_by("-pk").first()
    is_rejected = last is not None and last.decision == ResultReview.Decision.REJECTED
    return Series.Withheld.REJECTED if is_rejected else Series.Withheld.SUPERSEDED
