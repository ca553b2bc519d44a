"""What is known of something refused, and what may be mended in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from archive.models import Quarantine

# What may be mended, with its name for people; ``new`` makes a UID.
MENDABLE = {
    "PatientID": _("Patient ID"),
    "IssuerOfPatientID": _("Issuer of Patient ID"),
    "PatientName": _("Patient name"),
    "PatientBirthDate": _("Date of birth"),
    "PatientSex": _("Sex"),
    "StudyInstanceUID": _("Study Instance UID"),
    "SeriesInstanceUID": _("Series Instance UID"),
    "SOPInstanceUID": _("SOP Instance UID"),
    "StudyDate": _("Study date"),
    "AccessionNumber": _("Accession number"),
    "Modality": _("Modality"),
}
UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"})
MAKE_NEW = "new"
# Reasons for which the bytes themselves are broken, or are no object: no value mends them.
BROKEN = frozenset(
    {"not-dicom", "truncated", "malformed", "too-complex", "too-large", "empty", "dicomdir",
     "archive-damaged", "transfer-syntax-not-supported"}
)  # fmt: skip


@dataclass(frozen=True)
class Details:
    """An entry, what its file says, and what could be done."""

    entry: Quarantine
    values: dict[str, str] = field(default_factory=dict)
    # Why the file can't be read, where it can't.
    unreadable: str = ""
    has_bytes: bool = False

    @property
    def is_mendable(self) -> bool:
        """Whether values of it may be mended."""
        return self.has_bytes and not self.unreadable
