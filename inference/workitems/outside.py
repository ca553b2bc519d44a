"""Runs that somebody outside performs: claimed and ended as workitems, with results like ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from archive.access.selectors import require_may_label
from archive.curation.services import withhold_series
from archive.ingest.arrivals import hold_arrivals, release_arrivals
from archive.models import Instance
from inference.models import ModelVersion, Run, Workitem
from inference.runs.claiming import claim_run
from inference.runs.finishing import end_run, finish_run
from inference.runs.types import RunOutcome
from inference.similarity.words.series_words import mark_words_stale
from inference.workitems.content import require_final
from inference.workitems.elements import items_of, text_of
from inference.workitems.errors import (
    FinalStateError,
    NotOurPerformerError,
    WorkitemClaimedError,
    WorkitemError,
)
from inference.workitems.run_steps import RUN_PRIORITIES, is_external, step_state
from inference.workitems.selectors import Found
from inference.workitems.tags import OUTPUT, PERFORMED, PRIORITY, REFERENCED, REFERENCED_UID

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

_KINDS = {
    "1.2.840.10008.5.1.4.1.1.66.4": "seg",
    "1.2.840.10008.5.1.4.1.1.66.7": "seg",
    "1.2.840.10008.5.1.4.1.1.88.11": "sr",
    "1.2.840.10008.5.1.4.1.1.88.22": "sr",
    "1.2.840.10008.5.1.4.1.1.88.33": "sr",
    "1.2.840.10008.5.1.4.1.1.88.34": "sr3d",
    "1.2.840.10008.5.1.4.1.1.30": "heatmap",
}
_MOST_OUTPUTS = 1000
_SET_BY_CLAIM = ("state", "attempts", "started_at", "message", "inputs", "is_shadow")


def held(user: AnyUser, found: Found) -> Found:
    """Return a run that is performed outside, with its row locked.

    Raises
    ------
    NotOurPerformerError
        Our own workers perform it.
    NotAllowedError
        The user may only look.
    """
    if found.run is None or not is_external(found.run):
        raise NotOurPerformerError("The archive's own workers perform this workitem.")
    require_may_label(user, found.run.study)
    rows = Run.objects.select_for_update(of=("self",))
    run = rows.select_related("model_version", "series", "study__patient").get(pk=found.run.pk)
    return Found(found.uid, run, Workitem.objects.filter(run=run).first())


def row_of(found: Found) -> Workitem:
    """Return the row of what an outside performer says; a new one where there is none."""
    if found.row is not None:
        return found.row
    if found.run is None:
        raise WorkitemError("There is no such workitem.")
    return Workitem(
        sop_instance_uid=found.uid,
        run=found.run,
        project=found.run.study.projects.order_by("pk")[0],
        state=step_state(found.run),
        study_instance_uid=found.run.study.study_instance_uid,
    )


def change_urgency(run: Run, row: Workitem) -> None:
    """Give the run the priority that an update said, which the run itself tells from then."""
    said = row.attributes.pop(PRIORITY, None)
    if said is not None:
        run.priority = RUN_PRIORITIES[text_of({PRIORITY: said}, PRIORITY)]
        run.save(update_fields=["priority"])


def claim(run: Run, performer: str) -> str:
    """Let the performer begin the run; return why it does not apply, or nothing.

    Raises
    ------
    WorkitemClaimedError
        The series is still arriving, or the same model works on it.
    """
    if run.not_before > timezone.now():
        raise WorkitemClaimedError("The series is still arriving: claim it in some seconds.")
    claimed = claim_run(run.pk, performer=performer)
    run.refresh_from_db(fields=[*_SET_BY_CLAIM])
    if claimed is None and run.state == Run.State.QUEUED:
        raise WorkitemClaimedError("Somebody works on this series with the same model.")
    return "" if claimed is not None else run.message


def complete(user: AnyUser, found: Found) -> None:
    """Check what a completed workitem must say, and finish the run with what was stored.

    Raises
    ------
    FinalStateError
        Something isn't said, or what it names as its output is no new object of the study.
    """
    document = found.document()
    require_final(document)
    run = found.run
    if run is None:
        return
    uids = [
        text_of(reference, REFERENCED_UID)
        for item in items_of(items_of(document, PERFORMED)[0], OUTPUT)
        for reference in items_of(item, REFERENCED)
    ]
    outputs = _outputs(user, run, uids[:_MOST_OUTPUTS])
    finish_run(run, RunOutcome(device=f"by {user.get_username()}"[:64], outputs=outputs))
    if _is_on_trial(run) and withhold_series(sop_instance_uids=outputs.values(), reason="trial"):
        mark_words_stale([run.study_id])
    release_arrivals([hold_key(run)])
    run.refresh_from_db()


def hold_results(run: Run, account: AnyUser) -> None:
    """Show what a performer stores for a model on trial to nobody but reviewers, from the start."""
    if account.is_authenticated and run.state == Run.State.RUNNING and _is_on_trial(run):
        uid = run.study.study_instance_uid
        hold_arrivals(key=hold_key(run), study_instance_uid=uid, account=account, reason="trial")


def hold_key(run: Run) -> str:
    """Return by what the hold of a run is known."""
    return f"run {run.pk}"


def cancel(run: Run, reason: str) -> None:
    """End a run that its performer gave up."""
    release_arrivals([hold_key(run)])
    end_run(run, Run.State.CANCELLED, reason or "Given up by who performed it.")


def _is_on_trial(run: Run) -> bool:
    return bool(run.is_shadow or run.model_version.state == ModelVersion.State.SHADOW)


def _outputs(user: AnyUser, run: Run, uids: list[str]) -> dict[str, str]:
    # Made by it: what was there before is no result, and is not withheld as one.
    rows = Instance.objects.visible_to(user).filter(
        sop_instance_uid__in=uids, series__study=run.study_id, created_at__gte=run.created_at
    )
    rows = rows.exclude(series=run.series_id)
    if _is_on_trial(run):
        rows = rows.filter(series__created_at__gte=run.created_at)
    classes = dict(rows.values_list("sop_instance_uid", "sop_class_uid"))
    outputs: dict[str, str] = {}
    for number, uid in enumerate(uids, start=1):
        if uid not in classes:
            raise FinalStateError(
                f"The output {uid[:64]} is no new object of the study: store it first."
            )
        kind = _KINDS.get(classes[uid], "")
        name = kind if kind and kind not in outputs else f"object-{number}"
        outputs[name] = uid
    return outputs
