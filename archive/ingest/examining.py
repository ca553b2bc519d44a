"""Find out whether one spooled file is an instance, and what it says."""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive.dicom.attributes import extract_attributes
from archive.dicom.coercion import COERCED, coerced_values
from archive.dicom.reading import read_header
from archive.errors import InvalidInstanceError

if TYPE_CHECKING:
    from pathlib import Path

    from archive.dicom.attributes import ObjectAttributes
    from archive.dicom.reading import Header
    from archive.ingest.types import IncomingFile

# Smaller files are hashed where they lie; of larger ones the pages would count as our memory.
_MAPPED_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Candidate:
    """A sound instance that waits to be recorded."""

    position: int
    file: IncomingFile
    attributes: ObjectAttributes
    dataset_sha256: str
    is_deidentified: bool
    # {keyword: [value as it came, value as it is served]}
    coerced: dict[str, Any] = field(default_factory=dict)

    @property
    def sop_instance_uid(self) -> str:
        """The instance's identity."""
        return str(self.attributes.instance.sop_instance_uid)

    @property
    def study_instance_uid(self) -> str:
        """The study it says it belongs to."""
        return str(self.attributes.study.study_instance_uid)

    @property
    def series_instance_uid(self) -> str:
        """The series it says it belongs to."""
        return str(self.attributes.series.series_instance_uid)


def examine(position: int, file: IncomingFile) -> Candidate:
    """Read a spooled file up to its pixel data and validate it.

    Parameters
    ----------
    position
        where the file stands among the files of its batch
    file
        a spool file whose bytes are all written

    Raises
    ------
    InvalidInstanceError
        The file can't be archived; the message says why.
    """
    file.spool.flush()
    if file.spool.size == 0:
        message = "The file is empty."
        raise InvalidInstanceError(message, code="empty")
    header = read_header(file.spool.path)
    attributes = extract_attributes(header)
    _check_announced(file, attributes)
    removed = str(header.ds.get("PatientIdentityRemoved", "") or "").strip().upper()
    return Candidate(
        position=position,
        file=file,
        attributes=attributes,
        dataset_sha256=_digest_from(file.spool.path, header.dataset_offset),
        is_deidentified=removed == "YES",
        coerced=_coerced(header, attributes),
    )


def _check_announced(file: IncomingFile, attributes: ObjectAttributes) -> None:
    """Refuse what is another instance than the request announced (PS3.4 B.2.3)."""
    instance = attributes.instance
    if file.announced in {None, (instance.sop_class_uid, instance.sop_instance_uid)}:
        return
    message = "The data set is another instance than the C-STORE request announced."
    raise InvalidInstanceError(message, code="sop-class-mismatch")


def _coerced(header: Header, attributes: ObjectAttributes) -> dict[str, Any]:
    """Say which identifiers are served otherwise than they came: hardly ever any."""
    if COERCED.keys().isdisjoint(attributes.cleaned):
        return {}
    served = {
        "AccessionNumber": attributes.study.accession_number,
        "PatientID": attributes.patient.dicom_patient_id,
        "IssuerOfPatientID": attributes.patient.issuer_of_patient_id,
        "StudyID": attributes.study.dicom_study_id,
    }
    return coerced_values(header.ds, attributes.cleaned, served)


def _digest_from(path: Path, offset: int) -> str:
    """SHA-256 of the data set: the same instance in another file meta is the same instance."""
    if path.stat().st_size > _MAPPED_BYTES:
        with path.open("rb") as stream:
            stream.seek(offset)
            return hashlib.file_digest(stream, "sha256").hexdigest()
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as file,
        memoryview(file) as whole,
        whole[offset:] as dataset,
    ):
        return hashlib.sha256(dataset).hexdigest()
