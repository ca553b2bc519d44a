"""Collections as doors show them; every number counts what the asker may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime


class Kind(StrEnum):
    """What a collection is for."""

    COHORT = "cohort"
    TEACHING = "teaching"
    QUIZ = "quiz"


class CaseLevel(StrEnum):
    """What of a study is in the collection."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"
    FRAME = "frame"


@dataclass(frozen=True)
class CasePath:
    """An object to add: the most specific UID counts, the others must agree with it."""

    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    frame: int | None = None


@dataclass(frozen=True)
class Picture:
    """Where a case's thumbnail is; the UIDs as deep as they are known."""

    study_uid: str
    series_uid: str = ""
    instance_uid: str = ""
    frame: int | None = None


@dataclass(frozen=True)
class CollectionSummary:
    """A collection in a list."""

    pk: int
    name: str
    kind: Kind
    description: str
    source: str
    owner_name: str
    is_own: bool
    project_name: str
    project_slug: str
    may_edit: bool
    item_count: int
    created_at: datetime
    updated_at: datetime
    covers: tuple[Picture, ...] = ()

    @property
    def hides_answers(self) -> bool:
        """Whether its diagnoses are a question to this asker."""
        return self.kind is Kind.QUIZ and not self.may_edit


@dataclass(frozen=True)
class CaseCard:
    """A case of a collection, as its asker may see it.

    ``is_masked``: title, note, diagnosis and descriptions are left out, since the asker has not
    answered yet. ``is_asked``: a quiz asks about it, since it has a diagnosis.
    """

    pk: int
    number: int
    level: CaseLevel
    study_uid: str
    series_uid: str
    instance_uid: str
    frame: int | None
    title: str
    note: str
    diagnosis: str
    modality: str
    body_part: str
    description: str
    patient_sex: str
    patient_age: str
    study_date: date | None
    image_count: int
    picture: Picture
    is_asked: bool = False
    is_masked: bool = False


@dataclass(frozen=True)
class CollectionDetail:
    """A collection with its visible cases in order."""

    summary: CollectionSummary
    cases: tuple[CaseCard, ...] = field(default=())
