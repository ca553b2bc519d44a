"""What the models say about a study, arranged for its page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from archive.access.selectors import may_label_any
from archive.portal.panels import Status
from archive.portal.presentation import title_case
from inference.portal.run_states import STATES
from inference.portal.starting import start_url
from inference.review.selectors import reviews_of_study
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
UNSURE_BELOW = 0.7
# What two names are used for: computed and digital radiographs look the same.
_SAME = ({"CR", "DX"}, {"BRAIN", "HEAD"}, {"BRAIN", "SKULL"}, {"HEAD", "SKULL"})
# UCUM codes as people write them.
_UNITS = {"[hnsf'U]": "HU", "cm3": "mL", "1": "", "{ratio}": "", "%": "%"}


# A detection has a size, and how sure the model is.
_MEASURED = ("measurement", "detection")
REVIEWS = {
    "accepted": ("Accepted", "ok"),
    "edited": ("Corrected", "twin"),
    "rejected": ("Rejected", "bad"),
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
    statements: dict[int, list[Finding]] = {}
    for finding in findings_of_study(user, study_uid):
        statements.setdefault(finding.run_id, []).append(finding)
    reviews = reviews_of_study(user, study_uid)
    groups: dict[int, SeriesFindings] = {}
    for run in _newest(runs_of_study(user, study_uid)):
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
    text, card.review_tone = REVIEWS.get(review.decision, (review.decision, ""))
    card.review = f"{text} by {review.reviewer}" if review.reviewer else text
    for one in review.corrected:
        name = one.name.replace("_", " ").capitalize()
        if one.corrected_value is not None:
            answer = f"{written_value(one.corrected_value)} {written_unit(one.unit)}".strip()
            name = f"{title_case(one.label)} {one.name}"
        else:
            answer = one.corrected_label
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
        title=f"{number}{series.series_description or 'Series'}",
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
        state_text=state_text,
        tone=tone,
        message=run.message,
        device=run.device.upper() if len(run.device) <= 4 else run.device,
        finished_at=run.finished_at,
        classes=[_class_line(one) for one in findings if one.kind == "classification"],
        measures=[_measure_line(one) for one in findings if one.kind in _MEASURED],
    )


def _class_line(finding: Finding) -> ClassLine:
    probability = finding.probability or 0.0
    is_code = finding.name == "modality"
    return ClassLine(
        name=finding.name.replace("_", " ").capitalize(),
        label=finding.label if is_code else title_case(finding.label),
        probability=probability,
        width=f"{probability * 100:.1f}%",
        is_unsure=probability < UNSURE_BELOW,
        contradiction=_contradiction(finding),
    )


def _contradiction(finding: Finding) -> str:
    """Say where the images' own header states something else."""
    said = {"modality": "modality", "body_part": "body_part_examined"}.get(finding.name)
    stated = getattr(finding.series, said).upper() if said else ""
    guessed = finding.label.upper()
    if not stated or stated == guessed or {stated, guessed} in _SAME:
        return ""
    return stated if finding.name == "modality" else title_case(stated)


def _measure_line(finding: Finding) -> MeasureLine:
    sure = "" if finding.probability is None else f"{finding.probability:.0%}".replace("%", " %")
    return MeasureLine(
        label=finding.label,
        name=sure if finding.kind == "detection" else finding.name,
        value=written_value(finding.value),
        unit=written_unit(finding.unit),
    )


def written_unit(unit: str) -> str:
    """Return a UCUM code as people write it."""
    return _UNITS.get(unit, unit)


def written_value(value: float | None) -> str:
    """Return a number with the digits that matter."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def study_statuses(user: AnyUser, study_uids: Sequence[str]) -> dict[str, Status]:
    """Return for each study how far its models are."""
    counts = run_states_of_studies(user, study_uids)
    return {study_uid: _status(states) for study_uid, states in counts.items()}


def _status(states: dict[str, int]) -> Status:
    waiting = states.get("queued", 0) + states.get("running", 0)
    failed, done = states.get("dead", 0), states.get("succeeded", 0)
    if waiting:
        return Status("Processing", "busy", f"{done} of {sum(states.values())} runs finished")
    if failed:
        return Status("Failed", "bad", f"{failed} failed, {done} finished")
    if done:
        return Status("Done", "ok", f"{done} runs finished")
    return Status("Not applicable", "", "No model fits these images")
