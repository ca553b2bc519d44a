"""Corrections and legal holds: identifiers, kinds and tags, never a value or a reason's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from datetime import datetime

    from archive.audit.types import Asker
    from archive.models import Correction

_PATIENT_RECORD, _PROCEDURE_RECORD, _STUDY_DELETED = "110110", "110111", "110105"


def record_correction(asker: Asker, correction: Correction, *, study: str = "") -> None:
    """Patient Record (110110) or Procedure Record (110111): corrected."""
    _write(asker, "correct", correction, study)


def record_correction_undone(asker: Asker, correction: Correction, *, study: str = "") -> None:
    """Write the same, taken back."""
    _write(asker, "undo-correction", correction, study)


def record_legal_hold(asker: Asker, *, study_instance_uid: str, is_held: bool) -> None:
    """Procedure Record (110111): nothing of the study may be deleted, or again may be."""
    act = "hold" if is_held else "lift-hold"
    _record(asker, _PROCEDURE_RECORD, act, Action.UPDATE, study=study_instance_uid)


def record_deletion_refused(asker: Asker, *, study_instance_uid: str) -> None:
    """DICOM Study Deleted (110105), refused: it is under legal hold."""
    _record(
        asker,
        _STUDY_DELETED,
        "delete",
        Action.DELETE,
        study=study_instance_uid,
        outcome=Outcome.MINOR_FAILURE,
        details={"refused": "legal-hold"},
    )


def _write(asker: Asker, act: str, correction: Correction, study: str) -> None:
    about_patient = correction.patient_id is not None
    details: dict[str, Any] = {
        "correction": correction.pk,
        "kind": correction.kind,
        "tags": sorted(correction.after.get("attributes", {})),
        **correction.subject,
    }
    _record(
        asker,
        _PATIENT_RECORD if about_patient else _PROCEDURE_RECORD,
        act,
        Action.UPDATE,
        study=study or correction.study_instance_uid,
        details=details,
    )


def record_message_retried(asker: Asker, *, message: int) -> None:
    """Patient Record (110110): a message of another system is tried again."""
    _record(asker, _PATIENT_RECORD, "retry-message", Action.EXECUTE, details={"message": message})


def record_messages_purged(asker: Asker, *, removed: int, emptied: int, before: datetime) -> None:
    """Patient Record (110110): messages of other systems are kept no longer; how many, how old."""
    details = {"removed": removed, "emptied": emptied, "before": before.isoformat()}
    _record(asker, _PATIENT_RECORD, "purge-messages", Action.DELETE, details=details)
