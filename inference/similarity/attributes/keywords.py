"""Which DICOM attributes a search may ask for, and how their values are written and compared."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from inference.similarity.errors import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_VALUES = 50
MAX_LENGTH = 64
MAX_KEYWORDS = 300
_TEXTS = frozenset({"CS", "SH", "LO", "AS", "DA"})
_NUMBERS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
_UIDS = frozenset({"SOPClassUID", "TransferSyntaxUID"})
# Of the patient only what does not say who it is (PS3.15 annex E).
_OF_PATIENT = frozenset(
    {"PatientSex", "PatientAge", "PatientSize", "PatientWeight", "PregnancyStatus", "SmokingStatus"}
)
# Names, identifiers and places of a person, a visit, an order or a device, whatever their VR.
_LEFT_OUT = frozenset(
    {
        "AccessionNumber",
        "StudyID",
        "InstitutionName",
        "InstitutionalDepartmentName",
        "StationName",
        "DeviceSerialNumber",
        "PlateID",
        "CassetteID",
        "DetectorID",
        "GantryID",
        "DataSetTrailingPadding",
        # Different in every image: nothing to find a series by.
        "InstanceNumber",
        "AcquisitionNumber",
        "SliceLocation",
        "ImagePositionPatient",
        "TriggerTime",
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
    }
)
# Identification (0008: dates of the visit are filters of their own), patient, orders, visits.
_GROUPS_LEFT_OUT = frozenset({0x0002, 0x0012, 0x0032, 0x0038, 0x0040, 0x4008, 0x0400})
_PATIENT_GROUP = 0x0010


@lru_cache(maxsize=8192)
def vr_of_searchable(keyword: str) -> str | None:
    """Return the value representation of an attribute that may be asked for.

    Parameters
    ----------
    keyword : as PS3.6 has it

    Returns
    -------
    Its VR; None where it is unknown or may not be asked for.
    """
    tag = tag_for_keyword(keyword) if keyword else None
    if tag is None or keyword in _LEFT_OUT or tag >> 16 in _GROUPS_LEFT_OUT:
        return None
    if tag >> 16 == _PATIENT_GROUP and keyword not in _OF_PATIENT:
        return None
    vr = dictionary_VR(tag).split(" ")[0]
    if vr in _TEXTS or vr in _NUMBERS or keyword in _UIDS:
        return vr
    return None


def wanted_values(
    pairs: Iterable[tuple[str, str]], *, field: str = "filters.attribute"
) -> dict[str, list[str]]:
    """Check pairs of a filter and write their values as they are stored.

    Parameters
    ----------
    pairs : keyword and value
    field : named in errors

    Returns
    -------
    Keyword to the values asked for, of which one is enough.

    Raises
    ------
    InvalidQueryError
        A keyword is unknown or not searchable, or a value is no number where one is needed.
    """
    wanted: dict[str, list[str]] = {}
    for keyword, text in pairs:
        vr = vr_of_searchable(keyword)
        if vr is None:
            known = tag_for_keyword(keyword) is not None
            message = (
                "One of the attributes is not searchable: it may name a person, or has no simple"
                " value."
                if known
                else "One of the attributes is no keyword of the DICOM dictionary (PS3.6)."
            )
            raise InvalidQueryError(message, field=field)
        value = _canonical(vr, text)
        if value is None:
            message = f"{keyword} is a number, at most {MAX_LENGTH} characters long."
            if vr not in _NUMBERS:
                message = f"{keyword} has a value of 1 to {MAX_LENGTH} characters."
            raise InvalidQueryError(message, field=field)
        wanted.setdefault(keyword, []).append(value)
    return wanted


def merge_values(values: dict[str, list[str]], document: Mapping[str, Any]) -> None:
    """Add an image's searchable values to those of its series.

    Parameters
    ----------
    values : keyword to sorted values, changed in place; at most `MAX_VALUES` of a keyword, the
        first ones met, and `MAX_KEYWORDS` keywords
    document : DICOM JSON of the image (PS3.18 F.2); sequences are not looked into
    """
    for tag, element in document.items():
        texts = element.get("Value")
        keyword = keyword_for_tag(int(tag, 16)) if texts else ""
        vr = vr_of_searchable(keyword) if keyword else None
        if vr is None or (keyword not in values and len(values) >= MAX_KEYWORDS):
            continue
        kept = values.setdefault(keyword, [])
        for text in texts:
            value = _canonical(vr, text)
            if value is not None and value not in kept and len(kept) < MAX_VALUES:
                kept.append(value)
        kept.sort()
        if not kept:
            del values[keyword]


def _canonical(vr: str, value: object) -> str | None:
    """Numbers in one spelling, texts without regard to case; None for what has no place."""
    if value is None or len(str(value)) > MAX_LENGTH:
        return None
    if vr in _NUMBERS:
        try:
            return format(float(str(value)), ".10g")
        except ValueError:
            return None
    return str(value).strip().casefold() or None
