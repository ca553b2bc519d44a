"""Deleting, undoing, purging: identifiers and counts, never the reason's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import Removal


def record_removal(asker: Asker, removal: Removal) -> None:
    """DICOM Study Deleted (110105): withheld from every answer, to be undone until the purge."""
    _write(asker, "delete" if removal.kind == removal.Kind.DELETED else "reject", removal)


def record_removal_undone(asker: Asker, removal: Removal) -> None:
    """DICOM Study Deleted (110105), taken back."""
    _write(asker, "undo-delete" if removal.kind == removal.Kind.DELETED else "undo-reject", removal)


def record_purge(asker: Asker, removal: Removal, *, instances: int) -> None:
    """DICOM Study Deleted (110105): rows and bytes are gone."""
    _write(asker, "purge", removal, instances=instances)


def record_note_refused(asker: Asker, *, study_instance_uid: str, note: str, code: str) -> None:
    """DICOM Study Deleted (110105), refused: the note's sender may not do what it says."""
    _record(
        asker,
        "110105",
        "refuse-note",
        Action.DELETE,
        study=study_instance_uid,
        outcome=Outcome.MINOR_FAILURE,
        details={"note": note, "code": code},
    )


def _write(asker: Asker, act: str, removal: Removal, *, instances: int | None = None) -> None:
    _record(
        asker,
        "110105",
        act,
        Action.UPDATE if act.startswith("undo") else Action.DELETE,
        study=removal.study_instance_uid,
        details={
            "removal": removal.pk,
            "level": removal.level,
            "uid": removal.uid,
            "instances": removal.number_of_instances if instances is None else instances,
            **({"note": removal.note_sop_instance_uid} if removal.note_sop_instance_uid else {}),
        },
    )
