"""Acts on many studies at once: who asked for them, and how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_job_requested(asker: Asker, *, job: int, act: str, studies: int) -> None:
    """Record that an act on many studies was asked for; each step has a record of its own."""
    details = {"job": job, "act": act, "studies": studies}
    _record(asker, "110103", "request-job", Action.EXECUTE, details=details)


def record_job_cancelled(asker: Asker, *, job: int) -> None:
    """Record that somebody stopped it."""
    _record(asker, "110103", "cancel-job", Action.EXECUTE, details={"job": job})


def record_job_export(asker: Asker, *, study_instance_uid: str, job: int, instances: int) -> None:
    """Export (110106): written before a study is copied for somebody to take away."""
    details = {"job": job, "instances": instances, "deidentified": False}
    _record(asker, "110106", "export", Action.READ, study=study_instance_uid, details=details)


def record_result_taken(asker: Asker, *, job: int, size_bytes: int) -> None:
    """Record that a finished file left, before its first byte did (110106)."""
    details = {"job": job, "bytes": size_bytes}
    _record(asker, "110106", "download-job", Action.READ, details=details)


def record_list_export(asker: Asker, *, rows: int) -> None:
    """Record that rows of the study list left as a table (110106)."""
    _record(asker, "110106", "export-list", Action.READ, details={"rows": rows})
