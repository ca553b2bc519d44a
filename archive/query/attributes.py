"""The attributes that can be asked for: one table for every query protocol.

References
----------
DICOM PS3.18 tables 10.6.1-5 and 10.6.3-3 to 10.6.3-5, PS3.4 C.6
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from archive.query.types import Kind, Level

TABLES = {
    Level.PATIENT: "archive_patient",
    Level.STUDY: "archive_study",
    Level.SERIES: "archive_series",
    Level.INSTANCE: "archive_instance",
}


class Returned(Enum):
    """When an attribute is in an answer without being asked for."""

    ALWAYS = "always"
    IF_KNOWN = "if known"
    ON_REQUEST = "on request"


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute, the column that answers for it, and how.

    ``column`` is relative to the attribute's own level; ``search_column`` holds the folded text
    of names. There is one object an attribute: they are told apart by identity.
    """

    keyword: str
    level: Level
    kind: Kind
    column: str = ""
    returned: Returned = Returned.ON_REQUEST
    search_column: str = ""
    constant: str = ""

    @cached_property
    def is_optional(self) -> bool:
        """Whether an answer leaves the attribute out where it is unknown."""
        return self.returned is Returned.IF_KNOWN

    @cached_property
    def table(self) -> str:
        """The table of its level."""
        return TABLES[self.level]

    @cached_property
    def written(self) -> str:
        """SQL for its value as DICOM writes it."""
        if self.kind is Kind.CONSTANT:
            return f"'{self.constant}'"
        column = f'{self.table}."{self.column}"'
        if self.kind is Kind.DATE:
            return f"to_char({column}, 'YYYYMMDD')"
        if self.kind is Kind.TIME:
            return f"replace({column}::text, ':', '')"
        if self.kind is Kind.REQUEST:
            return f"nullif({column}, '[]')"
        return column

    def values(self, value: Any) -> tuple[Any, ...]:
        """Take the values out of what its column's SQL gives."""
        if value is None or value in ("", []):
            return ()
        if self.kind is Kind.REQUEST:
            # Django keeps psycopg from reading JSON.
            return tuple(json.loads(value))
        return tuple(value) if isinstance(value, list) else (value,)

    @cached_property
    def tag(self) -> int:
        """Tag as a number, of the outermost attribute for a dotted keyword."""
        return int(tag_for_keyword(self.keyword.partition(".")[0]) or 0)

    @cached_property
    def tag_hex(self) -> str:
        """Tag as DICOM JSON writes it."""
        return f"{self.tag:08X}"

    @cached_property
    def vr(self) -> str:
        """Value representation of the PS3.6 dictionary."""
        return str(dictionary_VR(self.tag))


_ALWAYS, _IF_KNOWN = Returned.ALWAYS, Returned.IF_KNOWN
_PATIENT, _STUDY, _SERIES, _INSTANCE = Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE

_TABLE = (
    Attribute("PatientName", _PATIENT, Kind.NAME, "patient_name", _ALWAYS, "patient_name_search"),
    Attribute("PatientID", _PATIENT, Kind.TEXT, "dicom_patient_id", _ALWAYS),
    Attribute("IssuerOfPatientID", _PATIENT, Kind.TEXT, "issuer_of_patient_id", _IF_KNOWN),
    Attribute("PatientBirthDate", _PATIENT, Kind.DATE, "patient_birth_date", _ALWAYS),
    Attribute("PatientSex", _PATIENT, Kind.TEXT, "patient_sex", _ALWAYS),
    Attribute("StudyDate", _STUDY, Kind.DATE, "study_date", _ALWAYS),
    Attribute("StudyTime", _STUDY, Kind.TIME, "study_time", _ALWAYS),
    Attribute("AccessionNumber", _STUDY, Kind.TEXT, "accession_number", _ALWAYS),
    Attribute("InstanceAvailability", _STUDY, Kind.CONSTANT, "", _ALWAYS, constant="ONLINE"),
    Attribute("ModalitiesInStudy", _STUDY, Kind.TEXTS, "modalities_in_study", _ALWAYS),
    Attribute(
        "ReferringPhysicianName",
        _STUDY,
        Kind.NAME,
        "referring_physician_name",
        _ALWAYS,
        "referring_physician_name_search",
    ),
    Attribute("TimezoneOffsetFromUTC", _STUDY, Kind.TEXT, "timezone_offset_from_utc", _IF_KNOWN),
    Attribute("StudyDescription", _STUDY, Kind.TEXT, "study_description"),
    Attribute("PatientAge", _STUDY, Kind.TEXT, "patient_age"),
    Attribute("StudyInstanceUID", _STUDY, Kind.UID, "study_instance_uid", _ALWAYS),
    Attribute("StudyID", _STUDY, Kind.TEXT, "dicom_study_id", _ALWAYS),
    Attribute(
        "NumberOfStudyRelatedSeries",
        _STUDY,
        Kind.INTEGER,
        "number_of_study_related_series",
        _ALWAYS,
    ),
    Attribute(
        "NumberOfStudyRelatedInstances",
        _STUDY,
        Kind.INTEGER,
        "number_of_study_related_instances",
        _ALWAYS,
    ),
    Attribute("Modality", _SERIES, Kind.TEXT, "modality", _ALWAYS),
    Attribute("SeriesDescription", _SERIES, Kind.TEXT, "series_description", _IF_KNOWN),
    Attribute("SeriesInstanceUID", _SERIES, Kind.UID, "series_instance_uid", _ALWAYS),
    Attribute("SeriesNumber", _SERIES, Kind.INTEGER, "series_number", _ALWAYS),
    Attribute(
        "NumberOfSeriesRelatedInstances",
        _SERIES,
        Kind.INTEGER,
        "number_of_series_related_instances",
        _ALWAYS,
    ),
    Attribute(
        "PerformedProcedureStepStartDate",
        _SERIES,
        Kind.DATE,
        "performed_procedure_step_start_date",
        _IF_KNOWN,
    ),
    Attribute(
        "PerformedProcedureStepStartTime",
        _SERIES,
        Kind.TIME,
        "performed_procedure_step_start_time",
        _IF_KNOWN,
    ),
    Attribute("RequestAttributesSequence", _SERIES, Kind.REQUEST, "request_attributes", _IF_KNOWN),
    Attribute(
        "RequestAttributesSequence.ScheduledProcedureStepID",
        _SERIES,
        Kind.REQUEST,
        "request_attributes",
    ),
    Attribute(
        "RequestAttributesSequence.RequestedProcedureID",
        _SERIES,
        Kind.REQUEST,
        "request_attributes",
    ),
    Attribute("BodyPartExamined", _SERIES, Kind.TEXT, "body_part_examined"),
    Attribute("Laterality", _SERIES, Kind.TEXT, "laterality"),
    Attribute("ProtocolName", _SERIES, Kind.TEXT, "protocol_name"),
    Attribute("SeriesDate", _SERIES, Kind.DATE, "series_date"),
    Attribute("SeriesTime", _SERIES, Kind.TIME, "series_time"),
    Attribute("Manufacturer", _SERIES, Kind.TEXT, "manufacturer"),
    Attribute("ManufacturerModelName", _SERIES, Kind.TEXT, "manufacturer_model_name"),
    Attribute("StationName", _SERIES, Kind.TEXT, "station_name"),
    Attribute("InstitutionName", _SERIES, Kind.TEXT, "institution_name"),
    Attribute("FrameOfReferenceUID", _SERIES, Kind.UID, "frame_of_reference_uid"),
    Attribute("SOPClassUID", _INSTANCE, Kind.UID, "sop_class_uid", _ALWAYS),
    Attribute("SOPInstanceUID", _INSTANCE, Kind.UID, "sop_instance_uid", _ALWAYS),
    Attribute("InstanceNumber", _INSTANCE, Kind.INTEGER, "instance_number", _ALWAYS),
    Attribute("Rows", _INSTANCE, Kind.INTEGER, "rows", _IF_KNOWN),
    Attribute("Columns", _INSTANCE, Kind.INTEGER, "columns", _IF_KNOWN),
    Attribute("BitsAllocated", _INSTANCE, Kind.INTEGER, "bits_allocated", _IF_KNOWN),
    Attribute("NumberOfFrames", _INSTANCE, Kind.INTEGER, "number_of_frames", _IF_KNOWN),
    Attribute("SamplesPerPixel", _INSTANCE, Kind.INTEGER, "samples_per_pixel"),
    Attribute("PhotometricInterpretation", _INSTANCE, Kind.TEXT, "photometric_interpretation"),
    Attribute("ContentDate", _INSTANCE, Kind.DATE, "content_date"),
    Attribute("ContentTime", _INSTANCE, Kind.TIME, "content_time"),
    Attribute("AvailableTransferSyntaxUID", _INSTANCE, Kind.UID, "transfer_syntax_uid"),
)

ATTRIBUTES: dict[str, Attribute] = {attribute.keyword: attribute for attribute in _TABLE}


def is_supported(keyword: str, level: Level) -> bool:
    """Whether the attribute can be matched and returned in a query at the level.

    Parameters
    ----------
    keyword
        the attribute's keyword, dotted inside sequences
    level
        the query's level
    """
    attribute = ATTRIBUTES.get(keyword)
    return attribute is not None and attribute.level <= level
