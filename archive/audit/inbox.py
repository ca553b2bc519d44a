"""What is done with uploads, the quarantine and watched folders: keys and counts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker


def record_upload(asker: Asker, act: str, *, batch: int, details: Mapping[str, Any]) -> None:
    """Import (110107): an upload was opened, handed over, stored or given up."""
    _record(asker, "110107", act, Action.CREATE, details={"upload": batch, **details})


def record_upload_preview(asker: Asker, *, batch: int, files: int) -> None:
    """Record that somebody was shown what an upload would come to (110103)."""
    details = {"upload": batch, "files": files}
    _record(asker, "110103", "preview-upload", Action.READ, details=details)


def record_quarantine(
    asker: Asker, act: str, *, entry: int, study_instance_uid: str, details: Mapping[str, Any]
) -> None:
    """Record what was decided about something refused (Patient Record, 110110)."""
    _record(
        asker,
        "110110",
        act,
        Action.UPDATE,
        study=study_instance_uid,
        details={"quarantine": entry, **details},
    )


def record_quarantine_read(asker: Asker, *, entry: int, study_instance_uid: str, what: str) -> None:
    """DICOM Instances Accessed (110103): written before the first byte leaves."""
    _record(
        asker,
        "110103",
        what,
        Action.READ,
        study=study_instance_uid,
        details={"quarantine": entry},
    )


def record_folder(asker: Asker, act: str, *, folder: int, details: Mapping[str, Any]) -> None:
    """Security Alert: from where the archive takes files was changed (110113)."""
    _record(asker, "110113", act, Action.UPDATE, details={"folder": folder, **details})
