"""Rejection notes: key object selections whose title says why the objects are no longer wanted."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
# PS3.16 CID 7011.
QUALITY, SAFETY, WORKLIST_ENTRY, RETENTION_EXPIRED = "113001", "113037", "113038", "113039"
TITLES = {
    QUALITY: "Rejected for Quality Reasons",
    SAFETY: "Rejected for Patient Safety Reasons",
    WORKLIST_ENTRY: "Incorrect Modality Worklist Entry",
    RETENTION_EXPIRED: "Data Retention Policy Expired",
}
_MAX_REFERENCES = 100_000


@dataclass(frozen=True)
class RejectionNote:
    """Why, and the objects of the note's own study: series to instances."""

    sop_instance_uid: str
    study_instance_uid: str
    code: str
    series: dict[str, tuple[str, ...]]

    @property
    def title(self) -> str:
        """What the code means."""
        return TITLES[self.code]


def read_rejection_note(ds: Dataset) -> RejectionNote | None:
    """Read a rejection note.

    Objects of other studies are left out: who may add a note to a study has no say in others.

    Parameters
    ----------
    ds : any data set

    Returns
    -------
    The note, None for every other object and for one that names nothing

    References
    ----------
    DICOM PS3.3 A.35.4, PS3.16 CID 7011; IHE RAD TF-3 4.66, 4.68 (IOCM)
    """
    if str(ds.get("SOPClassUID", "")) != KEY_OBJECT_SELECTION:
        return None
    code = _title(ds)
    if code is None:
        return None
    study = str(ds.get("StudyInstanceUID", ""))
    series: dict[str, list[str]] = {}
    for number, (series_uid, instance_uid) in enumerate(_references(ds, study)):
        if number >= _MAX_REFERENCES:
            break
        series.setdefault(series_uid, []).append(instance_uid)
    if not series:
        return None
    return RejectionNote(
        sop_instance_uid=str(ds.get("SOPInstanceUID", "")),
        study_instance_uid=study,
        code=code,
        series={uid: tuple(instances) for uid, instances in series.items()},
    )


def _title(ds: Dataset) -> str | None:
    for item in ds.get("ConceptNameCodeSequence") or []:
        code = str(item.get("CodeValue", ""))
        if code in TITLES and str(item.get("CodingSchemeDesignator", "")) == "DCM":
            return code
    return None


def _references(ds: Dataset, study_uid: str) -> Iterator[tuple[str, str]]:
    for study in ds.get("CurrentRequestedProcedureEvidenceSequence") or []:
        if str(study.get("StudyInstanceUID", "")) != study_uid:
            continue
        for series in study.get("ReferencedSeriesSequence") or []:
            for instance in series.get("ReferencedSOPSequence") or []:
                uid = str(instance.get("ReferencedSOPInstanceUID", ""))
                yield str(series.get("SeriesInstanceUID", "")), uid
