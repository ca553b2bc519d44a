"""What storing would come to: tried for real on the database, and taken back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import DataError, transaction

from archive.dicom.attributes import extract_attributes
from archive.dicom.reading import read_header
from archive.errors import InvalidInstanceError
from archive.inbox import spool
from archive.inbox.types import DUPLICATE, NEW, QUARANTINE, REFUSED
from archive.ingest.examining import examine
from archive.ingest.quotas import has_quotas, over_quota
from archive.ingest.recording import BatchRecorder
from archive.ingest.types import IncomingFile, Origin
from archive.models import Patient, Study, UploadFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.ingest.examining import Candidate
    from archive.models import UploadBatch

_OUTLINED_AT_ONCE = 200
# A study is tried as a whole, so that its files meet each other; giant ones in parts.
_TRIED_AT_ONCE = 2000
_State = UploadFile.State


@dataclass(frozen=True)
class LyingFile:
    """A file of the inbox where ingest expects a spool file: read, never kept."""

    path: Path
    size: int

    @cached_property
    def sha256(self) -> str:
        """Stand for the content's digest: unique, and gone again with the transaction."""
        return hashlib.sha256(self.path.name.encode()).hexdigest()

    def write(self, _data: bytes | bytearray | memoryview) -> int:
        """Write nothing."""
        raise NotImplementedError

    def flush(self) -> None:
        """Everything is written."""

    def begin_sync(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> LyingFile:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is open."""


def origin_of(batch: UploadBatch) -> Origin:
    """Return as what the files of an upload are stored: always with their person's rights."""
    door = "folder" if batch.source.startswith("folder:") else "upload"
    return Origin(
        door=door,
        actor=batch.user,
        source=batch.user.get_username(),
        project=batch.project,
    )


def outline_some(batch: UploadBatch) -> bool:
    """Read the identifiers of some files; False where all are known."""
    rows = list(
        batch.files.filter(state=_State.RECEIVED, outlook="", sop_instance_uid="").order_by("pk")[
            :_OUTLINED_AT_ONCE
        ]
    )
    for row in rows:
        try:
            header = read_header(spool.place(row.spool_name))
        except InvalidInstanceError as error:
            row.outlook, row.reason = QUARANTINE, error.message[:500]
            continue
        found = extract_attributes(header)
        row.patient_id = found.patient.dicom_patient_id
        row.study_instance_uid = found.study.study_instance_uid
        row.series_instance_uid = found.series.series_instance_uid
        row.sop_instance_uid = found.instance.sop_instance_uid
    fields = ["outlook", "reason", "patient_id", "study_instance_uid", "series_instance_uid"]
    UploadFile.objects.bulk_update(rows, [*fields, "sop_instance_uid"])
    return bool(rows)


def try_study(batch: UploadBatch) -> bool:
    """Say of one study's files what storing them would come to; False where none is left."""
    waiting = batch.files.filter(state=_State.RECEIVED, outlook="").exclude(sop_instance_uid="")
    first = waiting.order_by("study_instance_uid", "pk").first()
    if first is None:
        return False
    rows = list(
        waiting.filter(study_instance_uid=first.study_instance_uid).order_by("pk")[:_TRIED_AT_ONCE]
    )
    fates = _fates(rows, origin_of(batch))
    for row, (outlook, reason) in zip(rows, fates, strict=True):
        row.outlook, row.reason = outlook, reason[:500]
    UploadFile.objects.bulk_update(rows, ["outlook", "reason"])
    return True


def _fates(rows: Sequence[UploadFile], origin: Origin) -> list[tuple[str, str]]:
    fates: dict[int, tuple[str, str]] = {}
    candidates: list[Candidate] = []
    for position, row in enumerate(rows):
        file: Any = LyingFile(spool.place(row.spool_name), row.size_bytes)
        try:
            candidates.append(examine(position, IncomingFile(spool=file, name=row.name)))
        except InvalidInstanceError as error:
            fates[position] = (QUARANTINE, error.message)
    try:
        fates |= tried(candidates, origin)
    except DataError:
        message = "The instance holds a value that the archive can't index."
        fates |= {one.position: (QUARANTINE, message) for one in candidates}
    return [fates.get(position, (NEW, "")) for position in range(len(rows))]


def tried(candidates: Sequence[Candidate], origin: Origin) -> dict[int, tuple[str, str]]:
    """Record the instances as a store would, look, and take everything back.

    Returns
    -------
    outlook and reason of each that would not simply be new, by its position
    """
    fates: dict[int, tuple[str, str]] = {}
    with transaction.atomic():
        recorder = BatchRecorder(origin)
        recorder.record(candidates)
        fates |= {
            position: (QUARANTINE, error.message) for position, error in recorder.refusals.items()
        }
        fates |= dict.fromkeys(recorder.duplicates, (DUPLICATE, ""))
        warning = _conflict(recorder)
        if warning:
            fates |= {
                one.position: (NEW, warning) for one in candidates if one.position not in fates
            }
        transaction.set_rollback(True)
    if has_quotas():
        fresh = [one for one in candidates if fates.get(one.position, (NEW, ""))[0] == NEW]
        fates |= _without_room(fresh, origin)
    return fates


def _conflict(recorder: BatchRecorder) -> str:
    """Return what is odd about the patient of a study that would be new."""
    patients = Patient.objects.filter(studies__in=recorder.study_ids, conflict_of__isnull=False)
    if not patients.exists():
        return ""
    return (
        "Another patient may be known under this Patient ID: the study is kept apart until a "
        "radiology admin has decided."
    )


def _without_room(candidates: Sequence[Candidate], origin: Origin) -> dict[int, tuple[str, str]]:
    refused: dict[int, Any] = over_quota(candidates, origin, is_asked_only=True)
    return {position: (REFUSED, error.message) for position, error in refused.items()}


def known_studies(batch: UploadBatch, study_uids: Sequence[str]) -> set[str]:
    """Return those of the studies that the archive has and the upload's person may see."""
    rows = Study.objects.visible_to(batch.user).filter(study_instance_uid__in=study_uids)
    return set(rows.values_list("study_instance_uid", flat=True))
