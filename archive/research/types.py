"""What leaves without identity: how, and what became of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from archive.deid.pixels import PixelReport
from archive.deid.types import DatePolicy, Option, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.models import Instance


class Content(Enum):
    """Which objects of a study leave: each takes what stands before it, too."""

    IMAGES = "images"
    DRAWN = "drawn"
    REPORTS = "reports"


@dataclass(frozen=True)
class CleaningOptions:
    """How images are cleaned; what an act asks a person for.

    ``is_looked_at``: a person found no identity in the pixels, which are not read then.
    """

    dates: DatePolicy = DatePolicy.SHIFT
    keeps_patient_characteristics: bool = True
    options: frozenset[Option] = frozenset()
    content: Content = Content.IMAGES
    is_looked_at: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the options as they are kept with a job and written beside the images."""
        return {
            "dates": self.dates.value,
            "patient_characteristics": self.keeps_patient_characteristics,
            "options": sorted(one.value for one in self.options),
            "content": self.content.value,
            "looked_at": self.is_looked_at,
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> CleaningOptions:
        """Read them again."""
        return cls(
            dates=DatePolicy(said["dates"]),
            keeps_patient_characteristics=bool(said["patient_characteristics"]),
            options=frozenset(map(Option, said["options"])),
            content=Content(said["content"]),
            is_looked_at=bool(said.get("looked_at")),
        )


@dataclass(frozen=True)
class CleanedImage:
    """An image without identity, as a Part 10 file, which one it was, and what was done to it."""

    original: Instance
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    content: bytes
    facts: Mapping[str, str]
    pixels: PixelReport = field(default_factory=PixelReport)
    warnings: tuple[str, ...] = ()
    sha256: str = ""

    def without_content(self) -> CleanedImage:
        """Return what is said of the image, its bytes left out."""
        digest = hashlib.sha256(self.content).hexdigest()
        return replace(self, content=b"", sha256=digest)


@dataclass(frozen=True)
class LeftOut:
    """Objects that stay behind, and why."""

    refusal: Refusal
    count: int

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written beside the images."""
        return {"reason": self.refusal.code, "text": self.refusal.text, "count": self.count}


@dataclass
class CleaningReport:
    """What became of the objects of a study: counts and reasons, nothing of the patient."""

    written: int = 0
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def leave_out(self, code: str, text: str, count: int = 1) -> None:
        """Count objects that stay behind, by their reason."""
        entry = self.left_out.setdefault(code, {"reason": code, "text": text, "count": 0})
        entry["count"] += count

    @property
    def refusals(self) -> list[LeftOut]:
        """What stays behind, by reason."""
        return [
            LeftOut(Refusal(one["reason"], one["text"]), one["count"])
            for one in self.left_out.values()
        ]

    @property
    def left_out_count(self) -> int:
        """How many objects stay behind."""
        return sum(entry["count"] for entry in self.left_out.values())

    @property
    def words(self) -> str:
        """Return a line for the list of a job."""
        said = f"{self.written} images"
        if not self.left_out:
            return said
        reasons = " ".join(f"{one['text']} ({one['count']})" for one in self.left_out.values())
        return f"{said}, {self.left_out_count} objects left out: {reasons}"

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written beside the images."""
        return {
            "images": self.written,
            "left_out": list(self.left_out.values()),
            "warnings": list(self.warnings),
            "cleaned": dict(self.done),
        }
