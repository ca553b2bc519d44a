"""What every object has that is made of something that was no DICOM: whose, when, by what."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from archive.dicom.assembling import BulkValue
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE
from archive.dicom.writing import OWN_MANUFACTURER

Bulk = Mapping[int, tuple[str, Sequence[BulkValue]]]
PIXEL_DATA, DOCUMENT = 0x7FE00010, 0x00420011


@dataclass(frozen=True)
class Subject:
    """Patient and study, as DICOM writes their values."""

    patient_id: str
    study_instance_uid: str
    issuer_of_patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    study_description: str = ""
    accession_number: str = ""


@dataclass(frozen=True)
class Place:
    """The series and instance that an object becomes, and when it was made."""

    series_instance_uid: str
    sop_instance_uid: str
    moment: datetime.datetime
    modality: str = ""
    series_number: int = 1
    instance_number: int = 1
    series_description: str = ""
    body_part: str = ""
    laterality: str = ""


@dataclass(frozen=True)
class MadeObject:
    """A data set without its bulk values, those beside it, and how they are encoded."""

    ds: Dataset
    bulk: Bulk = field(default_factory=dict)
    transfer_syntax_uid: str = EXPLICIT_LITTLE


def new_object(subject: Subject, place: Place, sop_class_uid: str) -> Dataset:
    """Return a data set with the modules that all these objects share.

    Parameters
    ----------
    subject : patient and study
    place : series and instance
    sop_class_uid : of the object

    Returns
    -------
    Patient, General Study, General Series, General Equipment and SOP Common modules, in UTF-8

    References
    ----------
    DICOM PS3.3 C.7.1.1, C.7.2.1, C.7.3.1, C.7.5.1, C.12.1
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = place.sop_instance_uid
    ds.InstanceCreationDate = place.moment.strftime("%Y%m%d")
    ds.InstanceCreationTime = place.moment.strftime("%H%M%S")
    ds.TimezoneOffsetFromUTC = "+0000"
    _set_subject(ds, subject)
    ds.Modality = place.modality
    ds.SeriesInstanceUID = place.series_instance_uid
    ds.SeriesNumber = place.series_number
    ds.InstanceNumber = place.instance_number
    if place.series_description:
        ds.SeriesDescription = place.series_description
    if place.body_part:
        ds.BodyPartExamined = place.body_part
    # Type 2C: nothing says that it is not known.
    ds.Laterality = place.laterality if place.laterality in {"L", "R"} else ""
    ds.Manufacturer = OWN_MANUFACTURER
    ds.ContentDate, ds.ContentTime = ds.InstanceCreationDate, ds.InstanceCreationTime
    return ds


def _set_subject(ds: Dataset, subject: Subject) -> None:
    ds.PatientID = subject.patient_id
    if subject.issuer_of_patient_id:
        ds.IssuerOfPatientID = subject.issuer_of_patient_id
    ds.PatientName = subject.patient_name
    ds.PatientBirthDate = subject.patient_birth_date
    ds.PatientSex = subject.patient_sex
    ds.StudyInstanceUID = subject.study_instance_uid
    ds.StudyDate = subject.study_date
    ds.StudyTime = subject.study_time
    ds.ReferringPhysicianName = ""
    ds.StudyID = subject.study_id
    ds.AccessionNumber = subject.accession_number
    if subject.study_description:
        ds.StudyDescription = subject.study_description


def set_vl_context(ds: Dataset) -> None:
    """Add what visible light objects ask for and nobody said (PS3.3 C.7.6.14, C.8.12.1)."""
    ds.AcquisitionContextSequence = DicomSequence([])
    ds.LossyImageCompression = ds.get("LossyImageCompression", "00")
    if ds.Modality != "XC":
        region = Dataset()
        region.CodeValue, region.CodingSchemeDesignator = "123037004", "SCT"
        region.CodeMeaning = "Body structure"
        ds.AnatomicRegionSequence = DicomSequence([region])
