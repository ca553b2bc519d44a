"""Pictures into DICOM: complete CT, MR, CR and DX instances, byte for byte the same each time."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

from deploy.demo.cohort import Visit
from deploy.demo.people import ISSUER
from deploy.demo.pictures import Series, series_of, stored_values
from deploy.demo.uids import GENERATOR_VERSION, named_uid

SOP_CLASSES = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "CR": ComputedRadiographyImageStorage,
    "DX": DigitalXRayImageStorageForPresentation,
}
MODELS = {
    "CT": "Phantom CT 64",
    "MR": "Phantom MR 1.5T",
    "CR": "Phantom Cassette",
    "DX": "Phantom Flat",
}
REGIONS = {
    "CHEST": ("51185008", "Chest"),
    "HAND": ("85562004", "Hand"),
}
REFERRERS = ("Weiß^Käthe^^Dr.", "Marchetti^Paolo^^Dr.", "Osei^Abena^^Dr.", "Demir^Selin^^Dr.")


@dataclass(frozen=True)
class DemoFile:
    """One made file."""

    name: str
    content: bytes


def series_instance_uid(series: Series) -> str:
    """Series Instance UID."""
    return named_uid(series.visit.key, "series", series.number)


def visit_files(visit: Visit) -> Iterator[DemoFile]:
    """Make the instances of a visit one after another, as files."""
    for series in series_of(visit):
        yield from series_files(series)


def series_files(series: Series) -> Iterator[DemoFile]:
    """Make the instances of a series one after another, from head to feet."""
    template = series_dataset(series)
    for index, height in enumerate(series.heights_mm, start=1):
        ds = instance_dataset(series, template, index, height)
        buffer = io.BytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        name = f"{series.visit.accession_number}/{series.number:03d}/{index:04d}.dcm"
        yield DemoFile(name, buffer.getvalue())


def series_dataset(series: Series) -> Dataset:
    """Everything that the instances of a series share."""
    ds, visit = Dataset(), series.visit
    _add_patient_and_study(ds, visit)
    ds.Modality = visit.modality
    ds.SOPClassUID = SOP_CLASSES[visit.modality]
    ds.SeriesInstanceUID = series_instance_uid(series)
    ds.SeriesNumber = series.number
    ds.SeriesDate, ds.SeriesTime = visit.date, visit.time
    ds.SeriesDescription, ds.ProtocolName = series.description, series.protocol
    ds.BodyPartExamined = visit.body_part
    _add_equipment(ds, visit)
    ds.PerformedProcedureStepStartDate = visit.date
    ds.PerformedProcedureStepStartTime = visit.time
    ds.PerformedProcedureStepID = f"PPS{visit.number:05d}"
    ds.ImageComments = "Synthetic phantom of the Twinsight demonstration, not a patient"
    for keyword, value in series.details.items():
        setattr(ds, keyword, value)
    _add_pixel_description(ds, series)
    {"CT": _add_ct, "MR": _add_mr, "CR": _add_cr, "DX": _add_dx}[visit.modality](ds, series)
    return ds


def _add_patient_and_study(ds: Dataset, visit: Visit) -> None:
    person = visit.person
    ds.SpecificCharacterSet = (
        person.charset if isinstance(person.charset, str) else list(person.charset)
    )
    ds.PatientName, ds.PatientID = person.name, person.patient_id
    ds.IssuerOfPatientID = ISSUER
    ds.PatientBirthDate, ds.PatientSex = person.birth_date, person.sex
    ds.PatientAge = f"{person.age_on(visit.date):03d}Y"
    ds.StudyInstanceUID = visit.study_instance_uid
    ds.StudyDate, ds.StudyTime = visit.date, visit.time
    ds.StudyID, ds.AccessionNumber = f"{visit.number}", visit.accession_number
    is_latin = person.charset in {"ISO_IR 100", "ISO_IR 192"}
    ds.ReferringPhysicianName = REFERRERS[visit.number % 4 if is_latin else 2]
    ds.StudyDescription = STUDY_DESCRIPTIONS[visit.kind]


STUDY_DESCRIPTIONS = {
    "chest CT": "CT Thorax",
    "abdomen CT": "CT Abdomen",
    "head CT": "CT Head",
    "brain MR": "MR Brain",
    "chest film": "Chest X-ray",
    "hand film": "Hand X-ray",
}


def _add_equipment(ds: Dataset, visit: Visit) -> None:
    ds.Manufacturer = "Twinsight"
    ds.ManufacturerModelName = MODELS[visit.modality]
    ds.InstitutionName = "Demonstration Hospital"
    ds.StationName = f"{visit.modality}DEMO{1 + visit.number % 2}"
    ds.DeviceSerialNumber = f"{1000 + visit.number % 2}"
    ds.SoftwareVersions = f"demo {GENERATOR_VERSION}"


def _add_pixel_description(ds: Dataset, series: Series) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = series.grid.size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelSpacing = [f"{series.grid.pixel_mm:.6f}"] * 2
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"


def _add_cross_section(ds: Dataset, series: Series) -> None:
    ds.FrameOfReferenceUID = named_uid(series.visit.key, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.PatientPosition = "HFS"
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SliceThickness = f"{series.thickness_mm:g}"
    step = series.heights_mm[0] - series.heights_mm[1]
    ds.SpacingBetweenSlices = f"{step:g}"


def _add_ct(ds: Dataset, series: Series) -> None:
    _add_cross_section(ds, series)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-1024", "1", "HU"
    ds.XRayTubeCurrent, ds.ExposureTime, ds.GantryDetectorTilt = "180", "500", "0"
    ds.ReconstructionDiameter = f"{series.grid.size * series.grid.pixel_mm:.1f}"
    if "+C" in series.description or "venous" in series.description:
        ds.ContrastBolusAgent = "APPLIED"


def _add_mr(ds: Dataset, series: Series) -> None:
    _add_cross_section(ds, series)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    ds.ScanningSequence, ds.SequenceVariant = "SE", "SK"
    if "FLAIR" in series.description:
        ds.ScanningSequence = ["SE", "IR"]
    ds.ScanOptions, ds.MRAcquisitionType = "", "2D"
    ds.MagneticFieldStrength, ds.ImagedNucleus, ds.NumberOfAverages = "1.5", "1H", "2"


def _add_film(ds: Dataset, series: Series) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.PatientOrientation = ["L", "F"]
    ds.ImagerPixelSpacing = list(ds.PixelSpacing)
    ds.WindowCenter, ds.WindowWidth = "2048", "4096"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    if series.visit.body_part == "HAND":
        ds.Laterality = ds.ImageLaterality


def _add_cr(ds: Dataset, series: Series) -> None:
    _add_film(ds, series)
    del ds.ImageLaterality
    ds.PhotometricInterpretation, ds.PresentationLUTShape = "MONOCHROME1", "INVERSE"
    ds.CassetteID = f"C{series.visit.number:04d}"


def _add_dx(ds: Dataset, series: Series) -> None:
    _add_film(ds, series)
    ds.PresentationIntentType, ds.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.DetectorType, ds.PositionerType, ds.DetectorID = "SCINTILLATOR", "", "DET1"
    ds.AcquisitionContextSequence = Sequence()
    value, meaning = REGIONS[series.visit.body_part]
    ds.AnatomicRegionSequence = Sequence([_code(value, "SCT", meaning)])
    view = _code("399348003", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = Sequence()
    ds.ViewCodeSequence = Sequence([view])


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def instance_dataset(
    series: Series, template: Dataset, index: int, height_mm: float
) -> FileDataset:
    """Complete the template with the picture of one slice."""
    ds, visit = Dataset(), series.visit
    ds.update(template)  # the elements are shared: only elements that are not there are added
    ds.SOPInstanceUID = named_uid(visit.key, "series", series.number, "instance", index)
    ds.InstanceNumber, ds.AcquisitionNumber = index, 1
    ds.AcquisitionDate = ds.ContentDate = visit.date
    ds.AcquisitionTime = ds.ContentTime = _later(visit.time, index)
    if len(series.heights_mm) > 1:
        corner = f"{series.grid.axis_mm[0]:.4f}"
        ds.ImagePositionPatient = [corner, corner, f"{height_mm:g}"]
        ds.SliceLocation = f"{height_mm:g}"
    stored = stored_values(series.picture(height_mm), offset=1024 if visit.modality == "CT" else 0)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        stored = (4095 - stored).astype(np.uint16)
    ds.PixelData = stored.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return FileDataset("", ds, file_meta=_file_meta(ds), preamble=b"\0" * 128)


def _later(time: str, index: int) -> str:
    """Give the time some seconds after the start of a study that never runs past midnight."""
    seconds = int(time[:2]) * 3600 + int(time[2:4]) * 60 + int(time[4:]) + 40 + index
    return f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def _file_meta(ds: Dataset) -> FileMetaDataset:
    """File meta without the version of the library: it would change the bytes."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(named_uid("implementation"))
    meta.ImplementationVersionName = f"TWINSIGHTDEMO{GENERATOR_VERSION}"[:16]
    return meta
