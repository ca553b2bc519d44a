"""Values of single elements, decoded straight from their bytes.

pydicom turns every touched element into objects with checks and warnings; a header that is only
indexed is read ten times faster from its raw elements, and no value can make this reading fail.
"""

import datetime
import math
import re
import struct
from typing import Any

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from archive.dicom.charsets import decode_text
from archive.dicom.uids import strip_uid_padding

_SPECIFIC_CHARACTER_SET = 0x00080005
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_DATE = re.compile(r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_INTEGER_LIMIT = 2**31
_BINARY_INTEGERS = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "US or SS": "H",
    "US or OW": "H",
    "US or SS or OW": "H",
}


class ElementReader:
    """Read values of a data set, noting each that had to be cleaned.

    Parameters
    ----------
    ds : data set with raw or decoded elements
    inherited_terms : Specific Character Set of the data set around, for a sequence item

    Attributes
    ----------
    terms : Specific Character Set that holds here
    cleaned : keywords of elements whose value was cleaned, cut or dropped, in order met
    """

    def __init__(self, ds: Dataset, inherited_terms: tuple[str, ...] = ()) -> None:
        # pydicom's own access makes a tag object of each number first.
        self._elements: Any = ds._dict  # noqa: SLF001 the same elements, raw or decoded
        self.cleaned: list[str] = []
        self.terms: tuple[str, ...] = ()
        stated = self._decoded(_SPECIFIC_CHARACTER_SET).strip(" \0")
        self.terms = tuple(stated.split("\\")) if stated else inherited_terms

    def text(self, tag: int, limit: int, *, is_person_name: bool = False) -> str:
        """Return all of a text value without control characters, cut at `limit` characters."""
        value = self._decoded(tag, is_person_name=is_person_name).strip(" \0")
        if not value:
            return ""
        bare = value if value.isprintable() else _CONTROL.sub(" ", value).strip()
        if len(bare) > limit:
            bare = bare[:limit].rstrip()
        if bare != value:
            self.note(tag)
        return bare

    def code(self, tag: int, limit: int = 16) -> str:
        """Return the first value of a short text (CS, SH, AE, AS) without padding."""
        first = self._decoded(tag).split("\\", 1)[0].strip(" \0")
        if not first:
            return ""
        bare = first if first.isprintable() else _CONTROL.sub("", first).strip()
        bare = bare[:limit]
        if bare != first:
            self.note(tag)
        return bare

    def uid(self, tag: int) -> str:
        """Return the first value of a UID as it stands, without padding."""
        return strip_uid_padding(self._decoded(tag).split("\\", 1)[0])

    def date(self, tag: int) -> datetime.date | None:
        """Return a DA value (or the date of a DT), None if empty or not a date."""
        value = self.code(tag, limit=64)
        match = _DATE.match(value)
        try:
            if match:
                return datetime.date(*(int(part) for part in match.groups()))
        except ValueError:
            pass
        if value:
            self.note(tag)
        return None

    def time(self, tag: int) -> datetime.time | None:
        """Return a TM value, None if empty or not a time; second 60 counts as 59."""
        value = self.code(tag, limit=64)
        match = _TIME.fullmatch(value)
        try:
            if match:
                hour, minute, second = (int(part or 0) for part in match.groups()[:3])
                micro = int((match.group(4) or "").ljust(6, "0"))
                return datetime.time(hour, minute, min(second, 59), micro)
        except ValueError:
            pass
        if value:
            self.note(tag)
        return None

    def integer(self, tag: int) -> int | None:
        """Return the first value of an IS or an integer number, None if it is none of 32 bits."""
        number = self._first_number(tag)
        if number is None or not math.isfinite(number) or number != int(number):
            if number is not None:
                self.note(tag)
            return None
        if not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
            self.note(tag)
            return None
        return int(number)

    def numbers(self, tag: int, count: int) -> list[float] | None:
        """Return exactly `count` finite decimal values, None if they are not that."""
        text = self._decoded(tag).strip(" \0")
        if not text:
            return None
        try:
            values = [float(part) for part in text.split("\\")]
        except ValueError:
            values = []
        if len(values) != count or not all(math.isfinite(value) for value in values):
            self.note(tag)
            return None
        return values

    def _first_number(self, tag: int) -> float | None:
        element: Any = self._elements.get(tag)
        if isinstance(element, RawDataElement):
            vr = _vr_of(element)
            if vr in _BINARY_INTEGERS:
                return _first_integer(element, _BINARY_INTEGERS[vr])
            if vr not in {"IS", "DS"}:
                return None
        text = self._decoded(tag).split("\\", 1)[0].strip(" \0")
        try:
            return float(text) if text else None
        except ValueError:
            self.note(tag)
            return None

    def _decoded(self, tag: int, *, is_person_name: bool = False) -> str:
        element: Any = self._elements.get(tag)
        if element is None:
            return ""
        value = element.value
        if isinstance(value, bytes):
            return decode_text(value, self.terms, is_person_name=is_person_name)
        if value is None:
            return ""
        if isinstance(value, MultiValue | list | tuple):
            return "\\".join(str(part) for part in value)
        return str(value)

    def note(self, tag: int) -> None:
        """Put an element on the list of those whose value could not be taken as it came."""
        keyword = keyword_for_tag(tag) or f"{tag:08X}"
        if keyword not in self.cleaned:
            self.cleaned.append(keyword)


def _vr_of(element: RawDataElement) -> str:
    if element.VR is not None and element.VR != "UN":
        return element.VR
    entry = DicomDictionary.get(element.tag)
    return entry[0] if entry else "UN"


def _first_integer(element: RawDataElement, code: str) -> float | None:
    value = element.value or b""
    layout = ("<" if element.is_little_endian else ">") + code
    if len(value) < struct.calcsize(layout):
        return None
    (number,) = struct.unpack_from(layout, value)
    return float(number)
