"""A person accepts, corrects or rejects what a model said. All that follows is one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.audit.results import record_result_reviewed
from archive.curation.services import withhold_series
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Series
from inference.models import Finding, FindingVerdict, Label, ResultReview, Run
from inference.review.rights import reviewable_runs
from inference.review.verifying import REPORTS, store_successors
from inference.runs.explanations import is_explanation_void
from inference.runs.trials import note_trial
from inference.similarity.words.series_words import mark_words_stale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from inference.review.types import Correction

Decision = ResultReview.Decision
MAX_REASON, MAX_LABEL = 500, 64
# Role of a run's output that explains an answer.
_HEAT_MAP = "heatmap"


def review_result(
    *,
    asker: Asker,
    run_id: int,
    decision: str,
    reason: str = "",
    corrections: Sequence[Correction] = (),
    last_review: int | None = None,
) -> ResultReview:
    """Decide on the result of a run; a later decision takes over from an earlier one.

    Accepted, its reports get verified successors under the reviewer's name; corrected, the
    successors say what is right. Rejected, everything is kept and left out of default answers.

    Parameters
    ----------
    asker
        the reviewer
    run_id
        whose result
    decision
        of `ResultReview.Decision`
    reason
        why; a rejection needs one
    corrections
        what is otherwise; for a correction at least one
    last_review
        the newest review that the reviewer knew of; 0 for none, None where it does not matter

    Raises
    ------
    NotVisibleError
        There is no such result, or the asker may not review it.
    InvalidRequestError
        The decision is not complete, or somebody else has decided meanwhile.
    StorageError
        The archive could not store the verified report; nothing changed.
    """
    user = asker.user
    if user is None or not reviewable_runs(user).filter(pk=run_id).exists():
        raise NotVisibleError("There is no such result to review.")
    with transaction.atomic():
        run = (
            Run.objects.select_for_update(of=("self",))
            .select_related("model_version", "series", "study")
            .get(pk=run_id)
        )
        findings = list(run.findings.order_by("pk"))
        corrections = _real(corrections, findings)
        _check(decision, reason, corrections)
        _check_last(run, last_review)
        return _decide(asker, user, run, findings, decision, reason.strip(), corrections)  # type: ignore[arg-type]  # signed in by now


def _decide(
    asker: Asker,
    user: User,
    run: Run,
    findings: list[Finding],
    decision: str,
    reason: str,
    corrections: list[Correction],
) -> ResultReview:
    former = _successors(run)
    stored: list[str] = []
    if decision != Decision.REJECTED:
        stored = store_successors(
            asker=asker, reviewer=user, run=run, corrections=corrections, when=timezone.now()
        )
    review = ResultReview.objects.create(
        run=run,
        reviewer=user,
        decision=decision,
        reason=reason[:MAX_REASON],
        changes=[_written(one) for one in corrections],
        successor_uid=stored[0] if stored else "",
    )
    _judge_findings(review, findings, corrections)
    is_trial = note_trial(run)
    _withhold(
        run,
        decision,
        former,
        stored,
        is_unexplained=is_explanation_void(findings),
        is_trial=is_trial,
    )
    _label(review, findings, corrections, is_trial=is_trial)
    mark_words_stale([run.study_id])
    record_result_reviewed(
        asker,
        study_instance_uid=run.study.study_instance_uid,
        run=run.pk,
        decision=decision,
        successor=review.successor_uid,
    )
    return review


def _real(corrections: Sequence[Correction], findings: list[Finding]) -> list[Correction]:
    """Keep what differs from what the model said."""
    known = {finding.pk: finding for finding in findings}
    kept = []
    for one in corrections:
        finding = known.get(one.finding)
        if finding is None:
            raise InvalidRequestError(gettext("A correction is about no finding of this result."))
        if len(one.label) > MAX_LABEL or not one.label.isprintable():
            raise InvalidRequestError(
                gettext("A label is a text of at most %(most)s signs.") % {"most": MAX_LABEL}
            )
        is_other_label = bool(one.label) and one.label != finding.label
        is_other_value = one.value is not None and one.value != finding.value
        if one.is_removed or is_other_label or is_other_value:
            kept.append(one)
    return kept


def _check(decision: str, reason: str, corrections: Sequence[Correction]) -> None:
    if decision not in Decision.values:
        raise InvalidRequestError(gettext("A result is accepted, edited or rejected."))
    if decision == Decision.REJECTED and not reason.strip():
        raise InvalidRequestError(gettext("Say why the result is rejected."))
    if decision == Decision.EDITED and not corrections:
        raise InvalidRequestError(gettext("Nothing was changed: accept the result as it is."))
    if decision != Decision.EDITED and corrections:
        raise InvalidRequestError(gettext("Only an edited result has corrections."))


def _check_last(run: Run, last_review: int | None) -> None:
    if last_review is None:
        return
    newest = run.reviews.order_by("-pk").values_list("pk", flat=True).first() or 0
    if newest != last_review:
        raise InvalidRequestError(gettext("Somebody else has decided on this result meanwhile."))


def _successors(run: Run) -> list[str]:
    """Return the verified reports of earlier decisions."""
    reports = [str(run.outputs[kind]) for kind in REPORTS if run.outputs.get(kind)]
    known = run.reviews.exclude(successor_uid="").values_list("successor_uid", flat=True)
    return [uid for uid in known if uid not in reports]


def _judge_findings(
    review: ResultReview, findings: list[Finding], corrections: list[Correction]
) -> None:
    by_finding = {one.finding: one for one in corrections}
    is_rejected = review.decision == Decision.REJECTED
    verdicts = []
    for finding in findings:
        change = by_finding.get(finding.pk)
        is_agreed = change is None and not is_rejected
        finding.review = Finding.Review.ACCEPTED if is_agreed else Finding.Review.REJECTED
        verdicts.append(
            FindingVerdict(
                review=review,
                finding=finding,
                is_agreed=is_agreed,
                label=change.label if change else "",
                value=change.value if change else None,
            )
        )
    Finding.objects.bulk_update(findings, ["review"])
    FindingVerdict.objects.bulk_create(verdicts)


def _withhold(
    run: Run,
    decision: str,
    former: list[str],
    stored: list[str],
    *,
    is_unexplained: bool,
    is_trial: bool,
) -> None:
    """Show what is right, and keep the rest out of default answers; a trial stays one.

    A heat map goes with the answer that it explains.
    """
    outputs = {kind: str(uid) for kind, uid in run.outputs.items() if isinstance(uid, str)}
    judged = {*REPORTS, _HEAT_MAP} if is_unexplained else {*REPORTS}
    replaced = [uid for kind, uid in outputs.items() if kind in judged]
    others = [uid for kind, uid in outputs.items() if kind not in judged]
    withheld = Series.Withheld
    if is_trial:
        withhold_series(sop_instance_uids=[*outputs.values(), *stored], reason=withheld.TRIAL)
        return
    is_rejected = decision == Decision.REJECTED
    withhold_series(
        sop_instance_uids=former, reason=withheld.REJECTED if is_rejected else withheld.SUPERSEDED
    )
    withhold_series(
        sop_instance_uids=others, reason=withheld.REJECTED if is_rejected else withheld.NOT
    )
    by_decision = {Decision.REJECTED: withheld.REJECTED, Decision.EDITED: withheld.SUPERSEDED}
    withhold_series(
        sop_instance_uids=replaced, reason=by_decision.get(Decision(decision), withheld.NOT)
    )


def _label(
    review: ResultReview,
    findings: list[Finding],
    corrections: list[Correction],
    *,
    is_trial: bool,
) -> None:
    """Keep what the reviewer confirmed or put right as their labels: models learn from them.

    Labels are for everybody: what was said on trial becomes none.
    """
    run = review.run
    if is_trial and _reviewed_others(review):
        # The labels here may be of those results, which this decision is not about.
        return
    classes = [one for one in findings if one.kind == Finding.Kind.CLASSIFICATION and one.label]
    Label.objects.filter(
        series=run.series,
        instance=None,
        source=Label.Source.REVIEW,
        created_by=review.reviewer,
        label_set__in={one.name for one in classes},
    ).delete()
    if is_trial or review.decision == Decision.REJECTED:
        return
    by_finding = {one.finding: one for one in corrections}
    said = set()
    for finding in classes:
        change = by_finding.get(finding.pk)
        if change is None:
            said.add((finding.name, finding.label))
        elif change.label and not change.is_removed:
            said.add((finding.name, change.label))
    Label.objects.bulk_create(
        [
            Label(
                study=run.study,
                series=run.series,
                label_set=label_set,
                label=label,
                source=Label.Source.REVIEW,
                created_by=review.reviewer,
            )
            for label_set, label in sorted(said)
        ],
        ignore_conflicts=True,
    )


def _reviewed_others(review: ResultReview) -> bool:
    here = ResultReview.objects.filter(run__series=review.run.series_id, reviewer=review.reviewer)
    return bool(here.exclude(run=review.run_id).exists())


def _written(one: Correction) -> dict[str, object]:
    return {
        "finding": one.finding,
        "label": one.label,
        "value": one.value,
        "is_removed": one.is_removed,
    }
