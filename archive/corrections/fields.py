"""What may be corrected: each attribute with its column, checked as its value representation asks.

Values are texts as DICOM writes them; dates and times also as people and browsers do.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.corrections.errors import InvalidValueError
from archive.dicom.charsets import fold_name
from archive.dicom.corrections import json_element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise

    from archive.models import Patient, Series, Study

PATIENT, STUDY, SERIES = "patient", "study", "series"
_SEARCH_LENGTH = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_DATE = re.compile(r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?", re.ASCII)
_LIMITS = {"LO": 64, "SH": 16, "CS": 16, "PN": 324}


@dataclass(frozen=True)
class Field:
    """An attribute that may be corrected; ``label`` names it to people."""

    keyword: str
    tag: str
    vr: str
    column: str
    label: str | _StrPromise
    choices: tuple[str, ...] = ()


_LATERALITIES = ("", "R", "L")
FIELDS: dict[str, dict[str, Field]] = {
    level: {field.keyword: field for field in fields}
    for level, fields in {
        PATIENT: (
            Field("PatientName", "00100010", "PN", "patient_name", _("Name")),
            Field("PatientID", "00100020", "LO", "dicom_patient_id", _("Patient ID")),
            Field("IssuerOfPatientID", "00100021", "LO", "issuer_of_patient_id", _("Issuer")),
            Field("PatientBirthDate", "00100030", "DA", "patient_birth_date", _("Birth date")),
            Field("PatientSex", "00100040", "CS", "patient_sex", _("Sex"), ("", "F", "M", "O")),
        ),
        STUDY: (
            Field("StudyDate", "00080020", "DA", "study_date", _("Date")),
            Field("StudyTime", "00080030", "TM", "study_time", _("Time")),
            Field("AccessionNumber", "00080050", "SH", "accession_number", _("Accession number")),
            Field(
                "ReferringPhysicianName",
                "00080090",
                "PN",
                "referring_physician_name",
                _("Referring physician"),
            ),
            Field("StudyDescription", "00081030", "LO", "study_description", _("Description")),
            Field("StudyID", "00200010", "SH", "dicom_study_id", _("Study ID")),
        ),
        SERIES: (
            Field("SeriesDescription", "0008103E", "LO", "series_description", _("Description")),
            Field("SeriesNumber", "00200011", "IS", "series_number", _("Number")),
            Field("BodyPartExamined", "00180015", "CS", "body_part_examined", _("Body part")),
            Field("Laterality", "00200060", "CS", "laterality", _("Laterality"), _LATERALITIES),
            Field("ProtocolName", "00181030", "LO", "protocol_name", _("Protocol")),
            Field("InstitutionName", "00080080", "LO", "institution_name", _("Institution")),
        ),
    }.items()
}


def checked_values(level: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values as DICOM writes them.

    Parameters
    ----------
    level
        ``patient``, ``study`` or ``series``
    given
        keyword to value; an empty one takes away what is there

    Raises
    ------
    InvalidValueError
        An attribute may not be corrected, or a value can't be one of it.
    """
    known = FIELDS[level]
    values = {}
    for keyword, value in given.items():
        field = known.get(keyword)
        if field is None:
            raise InvalidValueError(
                gettext("%(keyword)s can't be corrected here.") % {"keyword": keyword[:64]},
                field=keyword[:64],
            )
        values[keyword] = _checked(field, str(value).strip())
    return values


def attributes_of(level: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return checked values as DICOM JSON by tag.

    Parameters
    ----------
    level
        as in `checked_values`
    values
        from there, or from `row_values`
    """
    fields = FIELDS[level]
    return {
        fields[keyword].tag: json_element(fields[keyword].vr, value)
        for keyword, value in values.items()
    }


def columns_of(level: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return what the values are in the columns of a row.

    Parameters
    ----------
    level
        as in `checked_values`
    values
        from there
    """
    columns: dict[str, Any] = {}
    for keyword, value in values.items():
        field = FIELDS[level][keyword]
        columns[field.column] = _column(field.vr, value)
        if field.vr == "PN":
            columns[f"{field.column}_search"] = fold_name(value)[:_SEARCH_LENGTH]
    return columns


def row_values(level: str, row: Patient | Study | Series) -> dict[str, str]:
    """Return what a row says, as DICOM writes it.

    Parameters
    ----------
    level
        of the row
    row
        a patient, study or series
    """
    return {keyword: _text(getattr(row, field.column)) for keyword, field in FIELDS[level].items()}


def _checked(field: Field, value: str) -> str:
    limit = 16 if field.vr in {"DA", "TM", "IS"} else _LIMITS[field.vr]
    if _CONTROL.search(value) or not value.isprintable():
        raise InvalidValueError(
            gettext("%(label)s holds control characters.") % {"label": field.label},
            field=field.keyword,
        )
    if len(value) > limit:
        message = gettext("%(label)s takes at most %(limit)s characters.") % {
            "label": field.label,
            "limit": limit,
        }
        raise InvalidValueError(message, field=field.keyword)
    if field.choices and value not in field.choices:
        allowed = ", ".join(choice for choice in field.choices if choice)
        raise InvalidValueError(
            gettext("%(label)s is one of %(allowed)s.")
            % {"label": field.label, "allowed": allowed},
            field=field.keyword,
        )
    if not value:
        return ""
    if field.vr == "DA":
        return _date(field, value)
    if field.vr == "TM":
        return _time(field, value)
    if field.vr == "IS" and not re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
        raise InvalidValueError(
            gettext("%(label)s is a whole number.") % {"label": field.label}, field=field.keyword
        )
    if field.vr == "CS" and not re.fullmatch(r"[A-Z0-9_ ]+", value, re.ASCII):
        message = gettext("%(label)s takes capital letters, digits, spaces and underscores.") % {
            "label": field.label
        }
        raise InvalidValueError(message, field=field.keyword)
    if field.vr == "PN" and _is_no_name(value):
        message = gettext("%(label)s has up to five parts between ^, and up to three writings.") % {
            "label": field.label
        }
        raise InvalidValueError(message, field=field.keyword)
    return value


def _is_no_name(value: str) -> bool:
    groups = value.split("=")
    return len(groups) > 3 or any(group.count("^") > 4 or len(group) > 64 for group in groups)


def _date(field: Field, value: str) -> str:
    match = _DATE.fullmatch(value)
    try:
        if match:
            return datetime.date(*(int(part) for part in match.groups())).strftime("%Y%m%d")
    except ValueError:
        pass
    raise InvalidValueError(
        gettext("%(label)s is no date (YYYY-MM-DD).") % {"label": field.label}, field=field.keyword
    )


def _time(field: Field, value: str) -> str:
    match = _TIME.fullmatch(value)
    try:
        if match:
            hour, minute, second, micro = match.groups(default="")
            moment = datetime.time(
                int(hour), int(minute), int(second or 0), int(micro.ljust(6, "0"))
            )
            return _text(moment)
    except ValueError:
        pass
    raise InvalidValueError(
        gettext("%(label)s is no time (HH:MM:SS).") % {"label": field.label}, field=field.keyword
    )


def _column(vr: str, value: str) -> Any:
    if vr == "DA":
        return datetime.datetime.strptime(value, "%Y%m%d").date() if value else None  # noqa: DTZ007 a day
    if vr == "TM":
        return datetime.time.fromisoformat(_iso_time(value)) if value else None
    if vr == "IS":
        return int(value) if value else None
    return value


def _iso_time(value: str) -> str:
    whole, _, micro = value.partition(".")
    return f"{whole[:2]}:{whole[2:4]}:{whole[4:6]}" + (f".{micro.ljust(6, '0')}" if micro else "")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.date):
        return value.strftime("%Y%m%d")
    if isinstance(value, datetime.time):
        return value.strftime("%H%M%S" + (".%f" if value.microsecond else ""))
    return str(value)
