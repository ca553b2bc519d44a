"""What an export is asked for, and what it will hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive.deid.types import DatePolicy
from archive.research.planning import Outlook
from archive.research.types import CleaningOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.models import CollectionItem


@dataclass(frozen=True)
class ExportOptions:
    """How a collection leaves.

    ``looked_at`` names the cases of which the asker says: I looked at the pixels and the texts,
    and nothing in them names the patient.
    """

    is_quiz: bool = False
    dates: DatePolicy = DatePolicy.REMOVE
    keeps_patient_characteristics: bool = True
    looked_at: frozenset[int] = frozenset()

    @property
    def kind(self) -> str:
        """What it is, for names and the record."""
        return "quiz" if self.is_quiz else "teaching-file"

    def cleaning(self, item: int = 0) -> CleaningOptions:
        """Return how the images of a case are cleaned."""
        return CleaningOptions(
            dates=self.dates,
            keeps_patient_characteristics=self.keeps_patient_characteristics,
            is_looked_at=item in self.looked_at,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the options as they are kept with a job."""
        return {
            "quiz": self.is_quiz,
            "dates": self.dates.value,
            "patient_characteristics": self.keeps_patient_characteristics,
            "looked_at": sorted(self.looked_at),
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> ExportOptions:
        """Read them again."""
        return cls(
            is_quiz=bool(said["quiz"]),
            dates=DatePolicy(said["dates"]),
            keeps_patient_characteristics=bool(said["patient_characteristics"]),
            looked_at=frozenset(said["looked_at"]),
        )


@dataclass(frozen=True)
class PlannedCase:
    """One case of an export: what leaves and how, and what stays behind."""

    item: CollectionItem
    number: int
    outlook: Outlook = field(default=Outlook())

    @property
    def folder(self) -> str:
        """Where its files lie in the ZIP."""
        return f"case-{self.number:03d}"


@dataclass(frozen=True)
class ExportPlan:
    """What an export of a collection would hold."""

    collection_pk: int
    name: str
    description: str
    cases: tuple[PlannedCase, ...] = field(default=())
    has_withheld_texts: bool = False

    @property
    def image_count(self) -> int:
        """How many images would leave."""
        return sum(len(case.outlook.leaving) for case in self.cases)

    @property
    def case_count(self) -> int:
        """How many cases would leave with at least one image."""
        return sum(bool(case.outlook.leaving) for case in self.cases)

    @property
    def needs_cleaning(self) -> bool:
        """Whether a job has to make it, since pixels are read or changed."""
        return any(case.outlook.needs_cleaning for case in self.cases)

    @property
    def heads(self) -> int:
        """How many images belong to a head, or may: whoever looked at them, they lose a face."""
        return sum(case.outlook.heads for case in self.cases)

    @property
    def study_uids(self) -> list[str]:
        """The studies from which images would leave, each once."""
        uids = (case.item.study.study_instance_uid for case in self.cases if case.outlook.leaving)
        return list(dict.fromkeys(uids))
