"""What doors hand to the inbox, and what they get back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.models import UploadBatch, UploadFile

# Of `UploadFile.kind`; an empty one was not looked at yet.
DICOM, DICOMDIR, ZIP, OTHER = "dicom", "dicomdir", "zip", "other"
PICTURE, PDF, NIFTI, VIDEO = "picture", "pdf", "nifti", "video"
# What becomes DICOM only with what a person says about it.
WRAPPED_KINDS = (PICTURE, PDF, NIFTI, VIDEO)
# Of `UploadFile.outlook`: what storing would come to.
NEW, DUPLICATE, QUARANTINE, REFUSED, WRAP = "new", "duplicate", "quarantine", "refused", "wrap"


@dataclass(frozen=True)
class NewFile:
    """A file that a client is about to send.

    ``fingerprint`` is the client's own: the same name, size and fingerprint are the same file,
    which goes on where it stopped.
    """

    name: str
    size_bytes: int
    fingerprint: str = ""


@dataclass(frozen=True)
class Progress:
    """How far an upload is."""

    batch: UploadBatch
    files: int = 0
    bytes_total: int = 0
    bytes_received: int = 0
    by_state: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many files wait for the archive."""
        return self.by_state.get("received", 0) + self.by_state.get("receiving", 0)

    @property
    def is_busy(self) -> bool:
        """Whether the archive works on it now."""
        return self.batch.state in {"examining", "storing"}

    @property
    def share(self) -> int:
        """How much of what is being done is done, in percent."""
        if self.batch.state == "receiving":
            return 100 * self.bytes_received // max(self.bytes_total, 1)
        return 100 * (self.files - self.left) // max(self.files, 1)


@dataclass(frozen=True)
class PreviewStudy:
    """A study as its files name it, before they are stored.

    ``known`` says whether the archive has it, within the asker's rights.
    """

    study_uid: str
    patient_id: str
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    date: str = ""
    description: str = ""
    modalities: str = ""
    files: int = 0
    new: int = 0
    duplicates: int = 0
    problems: int = 0
    known: bool = False
    warning: str = ""


@dataclass(frozen=True)
class Problem:
    """Files that storing would not archive, or did not, for one reason."""

    reason: str
    files: int
    example: UploadFile | str = ""
