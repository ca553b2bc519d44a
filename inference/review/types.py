from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date, datetime


class Standing(StrEnum):
    """Where a result stands with its reviewers."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    ALL = "all"


class Order(StrEnum):
    """In which order results are looked at."""

    URGENT = "urgent"
    UNSURE = "unsure"
    NEWEST = "newest"


class Scope(StrEnum):
    """Which of the waiting results are listed: those that tell something, or each of them."""

    TELLING = "telling"
    ALL = "all"


@dataclass(frozen=True)
class Correction:
    """What the reviewer has otherwise, about one finding of the run."""

    finding: int
    label: str = ""
    value: float | None = None
    is_removed: bool = False


@dataclass(frozen=True)
class ReviewFilters:
    """What the worklist is narrowed to; empty fields match everything."""

    standing: Standing = Standing.WAITING
    order: Order = Order.URGENT
    model: str = ""
    modality: str = ""
    finding: str = ""
    study: str = ""
    scope: Scope = Scope.TELLING


@dataclass(frozen=True)
class ReviewedFinding:
    """A statement of the model, and what a person made of it."""

    pk: int
    kind: str
    name: str
    label: str
    value: float | None
    unit: str
    probability: float | None
    location: dict[str, Any]
    review: str
    is_critical: bool
    # Of the last review; None where there was none.
    is_agreed: bool | None = None
    corrected_label: str = ""
    corrected_value: float | None = None


@dataclass(frozen=True)
class PastReview:
    """One decision, as the history of a result shows it."""

    pk: int
    decision: str
    reviewer: str
    reason: str
    successor_uid: str
    created_at: datetime


@dataclass(frozen=True)
class StudyReview:
    """What became of one result, for the study's page; ``corrected`` holds what is right."""

    decision: str
    reviewer: str
    corrected: tuple[ReviewedFinding, ...] = ()


@dataclass(frozen=True)
class Result:
    """A run's result as a line of the worklist, and with its history where one is opened."""

    run: int
    model: str
    version: str
    task: str
    description: str
    is_trial: bool
    is_diagnostic: bool
    is_critical: bool
    priority: int
    message: str
    finished_at: datetime | None
    study_uid: str
    series_uid: str
    modality: str
    body_part: str
    series_description: str
    patient_name: str
    patient_id: str
    study_date: date | None
    standing: Standing
    findings: tuple[ReviewedFinding, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    history: tuple[PastReview, ...] = ()
    # Answers that the model knows, for who corrects one.
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReviewPage:
    """A page of the worklist and where it lies in the whole."""

    results: list[Result]
    total: int
    page: int
    number_of_pages: int
    models: list[str]
    modalities: list[str]
    # Waiting results that fit and are not listed, for they say only what the images are.
    folded: int = 0
