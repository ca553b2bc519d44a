"""The attributes of an instance that the archive indexes, as clean values for its rows."""

import datetime
import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence_item

from archive.dicom.charsets import fold_name, python_encodings
from archive.dicom.elements import ElementReader
from archive.dicom.reading import Header
from archive.dicom.uids import is_valid_uid

# Widths of the columns these values go to; names and folded names, identifiers, descriptions.
NAME_LENGTH = 324
SEARCH_LENGTH = 512
IDENTIFIER_LENGTH = 64
DESCRIPTION_LENGTH = 255
CODE_LENGTH = 16
CHARACTER_SET_LENGTH = 128

_REQUEST_ATTRIBUTES_SEQUENCE = 0x00400275
_PER_FRAME_GROUPS, _SHARED_GROUPS = 0x52009230, 0x52009229
_PLANE_POSITION, _PLANE_ORIENTATION = 0x00209113, 0x00209116
_POSITION, _ORIENTATION = 0x00200032, 0x00200037
_MAX_REQUESTS = 20
_SMALL = 2**15  # of a column of two bytes
_REQUEST_KEYS = {
    "RequestedProcedureID": 0x00401001,
    "ScheduledProcedureStepID": 0x00400009,
    "AccessionNumber": 0x00080050,
}


@dataclass(frozen=True, slots=True)
class PatientAttributes:
    """Fields of `archive.models.Patient`."""

    dicom_patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_name_search: str
    patient_birth_date: datetime.date | None
    patient_sex: str


@dataclass(frozen=True, slots=True)
class StudyAttributes:
    """Fields of `archive.models.Study`."""

    study_instance_uid: str
    study_date: datetime.date | None
    study_time: datetime.time | None
    accession_number: str
    dicom_study_id: str
    study_description: str
    referring_physician_name: str
    referring_physician_name_search: str
    patient_age: str
    timezone_offset_from_utc: str
    specific_character_set: str


@dataclass(frozen=True, slots=True)
class SeriesAttributes:
    """Fields of `archive.models.Series`."""

    series_instance_uid: str
    modality: str
    series_number: int | None
    series_description: str
    body_part_examined: str
    laterality: str
    protocol_name: str
    series_date: datetime.date | None
    series_time: datetime.time | None
    manufacturer: str
    manufacturer_model_name: str
    station_name: str
    institution_name: str
    frame_of_reference_uid: str
    performed_procedure_step_start_date: datetime.date | None
    performed_procedure_step_start_time: datetime.time | None
    request_attributes: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class InstanceAttributes:
    """Fields of `archive.models.Instance`."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    instance_number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    samples_per_pixel: int | None
    number_of_frames: int | None
    photometric_interpretation: str
    has_pixel_data: bool
    image_position_patient: list[float] | None
    image_orientation_patient: list[float] | None
    content_date: datetime.date | None
    content_time: datetime.time | None
    specific_character_set: str


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """All that is indexed of one instance; ``cleaned`` names what could not be taken as it came."""

    patient: PatientAttributes
    study: StudyAttributes
    series: SeriesAttributes
    instance: InstanceAttributes
    cleaned: tuple[str, ...]


def extract_attributes(header: Header) -> ObjectAttributes:
    """Take the indexed attributes out of a header.

    Parameters
    ----------
    header : as `archive.dicom.reading.read_header` gives it

    Returns
    -------
    Values that PostgreSQL takes: text without control characters and no longer than its column,
    dates and numbers or None. A bad optional value never raises; its keyword is in ``cleaned``.
    """
    reader = ElementReader(header.ds)
    patient = _patient(reader)
    study = _study(reader)
    series = _series(reader, header.ds)
    instance = _instance(reader, header)
    return ObjectAttributes(patient, study, series, instance, tuple(reader.cleaned))


def _patient(reader: ElementReader) -> PatientAttributes:
    name = reader.text(0x00100010, NAME_LENGTH, is_person_name=True)
    return PatientAttributes(
        dicom_patient_id=_identifier(reader, 0x00100020),
        issuer_of_patient_id=_identifier(reader, 0x00100021),
        patient_name=name,
        patient_name_search=fold_name(name)[:SEARCH_LENGTH],
        patient_birth_date=reader.date(0x00100030),
        patient_sex=reader.code(0x00100040, CODE_LENGTH),
    )


def _study(reader: ElementReader) -> StudyAttributes:
    referrer = reader.text(0x00080090, NAME_LENGTH, is_person_name=True)
    return StudyAttributes(
        study_instance_uid=reader.uid(0x0020000D),
        study_date=reader.date(0x00080020),
        study_time=reader.time(0x00080030),
        accession_number=_identifier(reader, 0x00080050),
        dicom_study_id=_identifier(reader, 0x00200010),
        study_description=reader.text(0x00081030, DESCRIPTION_LENGTH),
        referring_physician_name=referrer,
        referring_physician_name_search=fold_name(referrer)[:SEARCH_LENGTH],
        patient_age=reader.code(0x00101010, CODE_LENGTH),
        timezone_offset_from_utc=reader.code(0x00080201, CODE_LENGTH),
        specific_character_set=reader.text(0x00080005, CHARACTER_SET_LENGTH),
    )


def _series(reader: ElementReader, ds: Dataset) -> SeriesAttributes:
    return SeriesAttributes(
        series_instance_uid=reader.uid(0x0020000E),
        modality=reader.code(0x00080060, CODE_LENGTH).upper(),
        series_number=reader.integer(0x00200011),
        series_description=reader.text(0x0008103E, DESCRIPTION_LENGTH),
        body_part_examined=reader.code(0x00180015, IDENTIFIER_LENGTH),
        laterality=reader.code(0x00200060, CODE_LENGTH),
        protocol_name=reader.text(0x00181030, DESCRIPTION_LENGTH),
        series_date=reader.date(0x00080021),
        series_time=reader.time(0x00080031),
        manufacturer=reader.text(0x00080070, DESCRIPTION_LENGTH),
        manufacturer_model_name=reader.text(0x00081090, DESCRIPTION_LENGTH),
        station_name=reader.text(0x00081010, IDENTIFIER_LENGTH),
        institution_name=reader.text(0x00080080, DESCRIPTION_LENGTH),
        frame_of_reference_uid=_optional_uid(reader, 0x00200052),
        performed_procedure_step_start_date=reader.date(0x00400244),
        performed_procedure_step_start_time=reader.time(0x00400245),
        request_attributes=_requests(reader, ds),
    )


def _instance(reader: ElementReader, header: Header) -> InstanceAttributes:
    frames = reader.integer(0x00280008)
    position, orientation = _plane(reader, header.ds)
    return InstanceAttributes(
        sop_instance_uid=reader.uid(0x00080018),
        sop_class_uid=reader.uid(0x00080016),
        transfer_syntax_uid=header.transfer_syntax_uid,
        instance_number=reader.integer(0x00200013),
        rows=_count(reader, 0x00280010),
        columns=_count(reader, 0x00280011),
        bits_allocated=_count(reader, 0x00280100, below=_SMALL),
        samples_per_pixel=_count(reader, 0x00280002, below=_SMALL),
        number_of_frames=max(frames or 1, 1) if header.has_pixel_data else None,
        photometric_interpretation=reader.code(0x00280004, CODE_LENGTH),
        has_pixel_data=header.has_pixel_data,
        image_position_patient=position,
        image_orientation_patient=orientation,
        content_date=reader.date(0x00080023),
        content_time=reader.time(0x00080033),
        specific_character_set=reader.text(0x00080005, CHARACTER_SET_LENGTH),
    )


def _identifier(reader: ElementReader, tag: int) -> str:
    """Return an identifier; one that is too long stays unique, its tail replaced by a digest."""
    text = reader.text(tag, 4096)
    if len(text) <= IDENTIFIER_LENGTH:
        return text
    reader.note(tag)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{text[: IDENTIFIER_LENGTH - 17]}~{digest}"


def _optional_uid(reader: ElementReader, tag: int) -> str:
    uid = reader.uid(tag)
    if not uid or is_valid_uid(uid):
        return uid
    reader.note(tag)
    return ""


def _count(reader: ElementReader, tag: int, *, below: int = 2**16) -> int | None:
    number = reader.integer(tag)
    return number if number is None or 0 <= number < below else None


def _requests(reader: ElementReader, ds: Dataset) -> list[dict[str, str]]:
    requests = []
    for item in _items(reader, ds, _REQUEST_ATTRIBUTES_SEQUENCE, _MAX_REQUESTS):
        values = ElementReader(item, reader.terms)
        request = {
            keyword: text
            for keyword, tag in _REQUEST_KEYS.items()
            if (text := values.text(tag, IDENTIFIER_LENGTH))
        }
        if request:
            requests.append(request)
    return requests


def _plane(reader: ElementReader, ds: Dataset) -> tuple[list[float] | None, list[float] | None]:
    """Return position and orientation of the image, or of the first frame of a multi-frame one."""
    position, orientation = reader.numbers(_POSITION, 3), reader.numbers(_ORIENTATION, 6)
    for groups in (_PER_FRAME_GROUPS, _SHARED_GROUPS):
        if position is not None and orientation is not None:
            break
        for frame in _items(reader, ds, groups, 1):
            for item in _items(reader, frame, _PLANE_POSITION, 1):
                position = position or ElementReader(item).numbers(_POSITION, 3)
            for item in _items(reader, frame, _PLANE_ORIENTATION, 1):
                orientation = orientation or ElementReader(item).numbers(_ORIENTATION, 6)
    return position, orientation


def _items(reader: ElementReader, ds: Dataset, tag: int, limit: int) -> list[Dataset]:
    """Parse the first items of a sequence, and not the thousands that may follow them."""
    if tag not in ds:
        return []
    element: Any = ds.get_item(tag)
    if not isinstance(element, RawDataElement):
        return list(element.value or [])[:limit] if element.VR == "SQ" else []
    if element.VR != "SQ" and not (element.VR is None and element.is_implicit_VR):
        return []
    stream = BytesIO(element.value or b"")
    items: list[Dataset] = []
    encodings = python_encodings(reader.terms)
    while len(items) < limit and stream.tell() < len(element.value or b""):
        item = read_sequence_item(
            stream, element.is_implicit_VR, element.is_little_endian, encodings
        )
        if item is None:
            break
        items.append(item)
    return items
