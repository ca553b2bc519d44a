"""What the portal and the API show of corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.models import Correction


@dataclass(frozen=True)
class Change:
    """One attribute before and after."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class CorrectionRow:
    """A correction as it is listed."""

    correction: Correction
    changes: tuple[Change, ...]
    study_uid: str
    patient_name: str
    is_undoable: bool
