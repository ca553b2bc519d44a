"""What an export is asked for, and what it will hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.deid.types import DatePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.deid.types import Refusal
    from archive.models import CollectionItem, Instance


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


@dataclass(frozen=True)
class LeftOut:
    """Objects of a case that stay behind, and why."""

    refusal: Refusal
    count: int


@dataclass(frozen=True)
class PlannedCase:
    """One case of an export: what leaves, and what stays behind."""

    item: CollectionItem
    number: int
    images: tuple[Instance, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where its files lie in the ZIP."""
        return f"case-{self.number:03d}"

    @property
    def needs_a_look(self) -> bool:
        """Whether a person may let out what is held back."""
        return any(one.refusal.needs_a_look for one in self.left_out)


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
        return sum(len(case.images) for case in self.cases)

    @property
    def case_count(self) -> int:
        """How many cases would leave with at least one image."""
        return sum(bool(case.images) for case in self.cases)


@dataclass(frozen=True)
class TeachingFile:
    """A ZIP to send; the chunks can be read once."""

    filename: str
    chunks: Iterator[bytes]
