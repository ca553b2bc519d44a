"""What the models say about a study, arranged for its page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import may_label_any
from archive.portal.panels import Status
from archive.portal.presentation import title_case
from inference.portal.finding_words import (
    class_name,
    label_name,
    measured,
    measurement_name,
    question_name,
    share_in_words,
    shares_in_words,
    written_unit,
    written_value,
)
from inference.portal.run_states import STATES
from inference.portal.starting import start_url
from inference.review.routine import ALIKE, SURE_FROM
from inference.review.selectors import decisions_of_studies, reviews_of_study
from inference.runs.selectors import (
    findings_of_study,
    is_study_idle,
    run_states_of_studies,
    runs_of_study,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.models.querysets import AnyUser
    from inference.models import Finding, Run
    from inference.review.types import StudyReview

# Below this a class is shown as the guess it is.
UNSURE_BELOW = SURE_FROM
# A detection has a size, and how sure the model is.
_MEASURED = ("measurement", "detection")
REVIEWS = {
    "accepted": (_("Accepted"), "ok"),
    "edited": (_("Corrected"), "twin"),
    "rejected": (_("Rejected"), "bad"),
}


@dataclass(frozen=True)
class ClassLine:
    """One class with its probability; ``width`` is the bar's, an SVG length."""

    name: str
    label: str
    probability: float
    width: str
    is_unsure: bool
    contradiction: str = ""


@dataclass(frozen=True)
class MeasureLine:
    """One measurement, written out."""

    label: str
    name: str
    value: str
    unit: str


@dataclass
class RunCard:
    """The newest run of a model on a series, with what it found."""

    model: str
    model_url: str
    task: str
    description: str
    state: str
    state_text: str
    tone: str
    message: str
    device: str
    finished_at: Any
    # The result as a report to read; nothing where there is none, as on trial.
    report_url: str = ""
    is_trial: bool = False
    classes: list[ClassLine] = field(default_factory=list)
    measures: list[MeasureLine] = field(default_factory=list)
    review: str = ""
    review_tone: str = ""
    # What it is about, and what is right.
    corrected: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class SeriesFindings:
    """What was run on one series: models with statements, and the embedding apart."""

    series_uid: str
    title: str
    modality: str
    cards: list[RunCard] = field(default_factory=list)
    embedding: RunCard | None = None


def findings_panel(user: AnyUser, study_uid: str) -> dict[str, Any]:
    """Return the context of the panel; NotVisibleError outside the rights."""
    is_busy = not is_study_idle(user, study_uid)
    runs = _newest(runs_of_study(user, study_uid))
    statements: dict[int, list[Finding]] = {}
    # Without a run there is nothing stated and nothing reviewed.
    for finding in findings_of_study(user, study_uid) if runs else ():
        statements.setdefault(finding.run_id, []).append(finding)
    reviews = reviews_of_study(user, study_uid) if runs else {}
    groups: dict[int, SeriesFindings] = {}
    for run in runs:
        group = groups.setdefault(run.series_id, _group(run))
        card = _card(run, statements.get(run.pk, []))
        _add_review(card, reviews.get(run.pk))
        if card.task == "embed":
            group.embedding = card
        else:
            group.cards.append(card)
    ordered = [groups[key] for key in sorted(groups)]
    open_runs = sum(
        card.tone == "busy"
        for group in ordered
        for card in [*group.cards, *([group.embedding] if group.embedding else [])]
    )
    return {
        "is_busy": is_busy,
        "open_runs": open_runs,
        "groups": ordered,
        "start_url": start_url(study=study_uid) if may_label_any(user) else "",
    }


def _add_review(card: RunCard, review: StudyReview | None) -> None:
    """Say what a person made of the result, and what they put right."""
    if review is None:
        return
    words, card.review_tone = REVIEWS.get(review.decision, (review.decision, ""))
    said = {"decision": str(words), "name": review.reviewer}
    card.review = gettext("%(decision)s by %(name)s") % said if review.reviewer else str(words)
    for one in review.corrected:
        name = question_name(one.name)
        if one.corrected_value is not None:
            answer = f"{written_value(one.corrected_value)} {written_unit(one.unit)}".strip()
            name = measured(one.label, one.name)
        else:
            answer = class_name(one.name, one.corrected_label)
        card.corrected.append((name, answer))


def _newest(runs: Iterable[Run]) -> list[Run]:
    newest: dict[tuple[int, int], Run] = {}
    for run in runs:
        newest.setdefault((run.series_id, run.model_version_id), run)
    return sorted(newest.values(), key=lambda run: (run.series_id, run.model_version.name))


def _group(run: Run) -> SeriesFindings:
    series = run.series
    number = f"{series.series_number} · " if series.series_number is not None else ""
    return SeriesFindings(
        series_uid=series.series_instance_uid,
        title=f"{number}{series.series_description or gettext('Series')}",
        modality=series.modality,
    )


def _card(run: Run, findings: list[Finding]) -> RunCard:
    state_text, tone = STATES.get(run.state, (run.state, ""))
    version = run.model_version
    return RunCard(
        model=f"{version.name} {version.version}",
        model_url=reverse("models:model-version", args=(version.name, version.version)),
        task=version.task,
        description=version.description,
        state=run.state,
        state_text=str(state_text),
        tone=tone,
        message=shares_in_words(run.message),
        device=run.device.upper() if len(run.device) <= 4 else run.device,
        finished_at=run.finished_at,
        report_url=_report_url(run),
        is_trial=_is_trial(run),
        classes=[_class_line(one) for one in findings if one.kind == "classification"],
        measures=[_measure_line(one) for one in findings if one.kind in _MEASURED],
    )


def _report_url(run: Run) -> str:
    """Return where the result is a report: what is embedded or on trial is none."""
    version = run.model_version
    is_said = run.state == "succeeded" and version.task != "embed"
    return reverse("runs:run-report", args=(run.pk,)) if is_said and not _is_trial(run) else ""


def _is_trial(run: Run) -> bool:
    return run.is_shadow or run.model_version.state == "shadow"


def _class_line(finding: Finding) -> ClassLine:
    probability = finding.probability or 0.0
    return ClassLine(
        name=question_name(finding.name),
        label=class_name(finding.name, finding.label),
        probability=probability,
        width=f"{probability * 100:.1f}%",
        is_unsure=probability < UNSURE_BELOW,
        contradiction=contradiction(
            finding.name,
            finding.label,
            modality=finding.series.modality,
            body_part=finding.series.body_part_examined,
        ),
    )


def contradiction(name: str, label: str, *, modality: str, body_part: str) -> str:
    """Say where the images' own header states something else than a class of theirs."""
    stated = {"modality": modality, "body_part": body_part}.get(name, "").upper()
    guessed = label.upper()
    if not stated or stated == guessed or {stated, guessed} in ALIKE:
        return ""
    return stated if name == "modality" else title_case(stated)


def _measure_line(finding: Finding) -> MeasureLine:
    sure = "" if finding.probability is None else share_in_words(finding.probability)
    return MeasureLine(
        label=label_name(finding.label),
        name=sure if finding.kind == "detection" else measurement_name(finding.name),
        value=written_value(finding.value),
        unit=written_unit(finding.unit),
    )


def study_statuses(user: AnyUser, study_uids: Sequence[str]) -> dict[str, Status]:
    """Return for each study how far its models are."""
    counts = run_states_of_studies(user, study_uids)
    return {study_uid: _status(states) for study_uid, states in counts.items()}


def review_statuses(user: AnyUser, study_uids: Sequence[str]) -> dict[str, Status]:
    """Return for each study what people made of its results."""
    counts = decisions_of_studies(user, study_uids)
    return {study_uid: _reviewed(decisions) for study_uid, decisions in counts.items()}


def _reviewed(decisions: dict[str, int]) -> Status:
    """Say the decision that asks for most attention, and all of them on a closer look."""
    detail = ", ".join(
        f"{REVIEWS[decision][0].lower()}: {decisions[decision]}"
        for decision in REVIEWS
        if decision in decisions
    )
    for decision in ("rejected", "edited", "accepted"):
        if decision in decisions:
            text, tone = REVIEWS[decision]
            return Status(str(text), tone, detail)
    return Status(gettext("Reviewed"))


def _status(states: dict[str, int]) -> Status:
    waiting = states.get("queued", 0) + states.get("running", 0)
    failed, done = states.get("dead", 0), states.get("succeeded", 0)
    if waiting:
        total = sum(states.values())
        said = ngettext(
            "%(done)s of %(total)s run finished", "%(done)s of %(total)s runs finished", total
        )
        return Status(gettext("Processing"), "busy", said % {"done": done, "total": total})
    if failed:
        said = gettext("%(failed)s failed, %(done)s finished")
        return Status(gettext("Failed"), "bad", said % {"failed": failed, "done": done})
    if done:
        said = ngettext("%(done)s run finished", "%(done)s runs finished", done)
        return Status(gettext("Done"), "ok", said % {"done": done})
    return Status(gettext("Not applicable"), "", gettext("No model fits these images"))
