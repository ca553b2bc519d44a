"""Data sets in the DICOM JSON model, straight from raw elements where they are still raw.

Written to be strict on its output whatever the input: no NaN, no NUL, no lone surrogate, and no
element so broken that the others can't be told.
"""

import base64
import math
import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import get_entry
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from archive.dicom.charsets import decode_text, person_name_groups

JsonObject = dict[str, Any]
BULK_THRESHOLD_BYTES = 1024
_MAX_DEPTH = 40
_SAFE_INTEGER = 2**53
_SPECIFIC_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103
_BINARY_VRS = {"OB": 1, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "UN": 1}
_NUMBER_CODES = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
}
_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_SINGLE_VALUED_TEXT = frozenset({"LT", "ST", "UT", "UR"})
_CHOSEN_VRS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "US"}
_UNPRINTABLE = dict.fromkeys((0, 0x1B, *range(0xD800, 0xE000)))
_GROUP_NAMES = ("Alphabetic", "Ideographic", "Phonetic")

BulkDataUri = Callable[[str], str]


def dataset_to_json(ds: Dataset, *, bulk_data_uri: BulkDataUri | None = None) -> JsonObject:
    """Convert a data set to the DICOM JSON model.

    Parameters
    ----------
    ds : data set, raw or decoded; file meta information and group lengths are left out
    bulk_data_uri : called with the path of a binary value that is pixel data or longer than
        `BULK_THRESHOLD_BYTES` (``7FE00010``, or ``00540016/0/00181234`` inside a sequence) for
        its BulkDataURI; None puts every value inline

    Returns
    -------
    Object of attributes in tag order, ready for a strict JSON encoder

    References
    ----------
    DICOM PS3.18 annex F
    """
    return _Converter(bulk_data_uri).dataset(ds, (), "", 0)


class _Converter:
    """One conversion; keeps the callback out of every signature."""

    def __init__(self, bulk_data_uri: BulkDataUri | None) -> None:
        self.bulk_data_uri = bulk_data_uri

    def dataset(
        self,
        ds: Dataset,
        inherited: tuple[str, ...],
        path: str,
        depth: int,
        is_signed: bool = False,  # noqa: FBT001, FBT002 inner call, one an item
    ) -> JsonObject:
        """Convert one level; character set and sign of the pixels are those of the level above."""
        terms = _character_set(ds, inherited)
        is_signed = _is_signed(ds, inherited=is_signed)
        result: JsonObject = {}
        for tag in sorted(ds.keys()):
            if tag >> 16 in {0, 2} or tag & 0xFFFF == 0:
                continue
            key = f"{tag:08X}"
            if tag == _SPECIFIC_CHARACTER_SET:
                # The text here is UTF-8, whatever it was in the file (PS3.18 F.2.2).
                result[key] = {"vr": "CS", "Value": ["ISO_IR 192"]}
                continue
            element: Any = ds.get_item(tag)
            try:
                result[key] = self.element(ds, element, terms, path + key, depth, is_signed)
            except (ValueError, TypeError, AttributeError, struct.error, OverflowError):
                result[key] = {"vr": element.VR or "UN"}
            except (NotImplementedError, RecursionError, OSError, KeyError, IndexError):
                result[key] = {"vr": element.VR or "UN"}
        return result

    def element(
        self,
        ds: Dataset,
        element: Any,
        terms: tuple[str, ...],
        path: str,
        depth: int,
        is_signed: bool,  # noqa: FBT001 inner call, one an element
    ) -> JsonObject:
        """Convert one element."""
        if isinstance(element, RawDataElement):
            vr = _vr_of_raw(element, is_signed=is_signed)
            if vr is None or vr == "SQ":
                element = ds[element.tag]
            else:
                return self.raw(element, vr, terms, path)
        if element.VR == "SQ":
            if depth >= _MAX_DEPTH:
                return {"vr": "SQ"}
            items = [
                self.dataset(item, terms, f"{path}/{number}/", depth + 1, is_signed)
                for number, item in enumerate(element.value or [])
            ]
            return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        return self.decoded(element, path)

    def raw(
        self, element: RawDataElement, vr: str, terms: tuple[str, ...], path: str
    ) -> JsonObject:
        """Convert the bytes of an element of known VR."""
        value = element.value
        if not value:
            return {"vr": vr}
        if vr in _BINARY_VRS:
            return self.binary(vr, value, path, is_little=element.is_little_endian)
        code = _NUMBER_CODES.get(vr)
        if code is not None:
            order = "<" if element.is_little_endian else ">"
            count = len(value) // struct.calcsize(order + code)
            numbers = struct.unpack_from(f"{order}{count}{code}", value)
            return _with_values(vr, [_number(vr, number) for number in numbers])
        if vr == "AT":
            order = "<HH" if element.is_little_endian else ">HH"
            pairs = struct.iter_unpack(order, value[: len(value) // 4 * 4])
            return _with_values(vr, [f"{group:04X}{number:04X}" for group, number in pairs])
        if vr in _TEXT_VRS:
            text = decode_text(value, terms, is_person_name=vr == "PN")
        else:
            text = decode_text(value)
        return _with_values(vr, _text_values(vr, text))

    def decoded(self, element: DataElement, path: str) -> JsonObject:
        """Convert an element that pydicom has decoded, or that a program made."""
        vr, value = _CHOSEN_VRS.get(element.VR, element.VR), element.value
        if vr == "US or SS":
            vr = "US"
        if value is None or (isinstance(value, str | bytes | bytearray) and len(value) == 0):
            return {"vr": vr}
        if isinstance(value, bytes | bytearray):
            return self.binary(vr, bytes(value), path, is_little=True)
        is_many = isinstance(value, MultiValue | list | tuple)
        values: Iterable[Any] = value if is_many else [value]
        if vr in _NUMBER_CODES:
            return _with_values(vr, [_number(vr, number) for number in values])
        if vr == "AT":
            return _with_values(vr, [f"{BaseTag(tag):08X}" for tag in values])
        texts = ("" if text is None else str(text) for text in values)
        return _with_values(vr, [_text_value(vr, text) for text in texts])

    def binary(self, vr: str, value: bytes, path: str, *, is_little: bool) -> JsonObject:
        """Give a binary value inline, or as a reference if it is pixel data or long."""
        is_bulk = path.startswith("7FE0") or len(value) > BULK_THRESHOLD_BYTES
        if self.bulk_data_uri is not None and is_bulk:
            return {"vr": vr, "BulkDataURI": self.bulk_data_uri(path)}
        size = _BINARY_VRS.get(vr, 1)
        if not is_little and size > 1:
            value = _swapped(value, size)
        return {"vr": vr, "InlineBinary": base64.b64encode(value).decode("ascii")}


def _vr_of_raw(element: RawDataElement, *, is_signed: bool) -> str | None:
    """Return the VR to decode raw bytes by, or None to let pydicom find out."""
    vr = element.VR
    if vr is None or vr == "UN":
        known = _dictionary_vr(element.tag)
        if known is None:
            return None if element.tag & 0x10000 else vr or "UN"
        vr = known
        if vr == "US or SS":
            return "SS" if is_signed else "US"
    return _CHOSEN_VRS.get(vr, vr)


def _dictionary_vr(tag: int) -> str | None:
    entry = DicomDictionary.get(tag)
    return _repeating_vr(tag) if entry is None else entry[0]


@lru_cache(maxsize=1024)
def _repeating_vr(tag: int) -> str | None:
    """Return the VR of an attribute of repeating groups: overlays (60xx), curves (50xx)."""
    try:
        return get_entry(tag)[0]
    except KeyError:
        return None


def _character_set(ds: Dataset, inherited: tuple[str, ...]) -> tuple[str, ...]:
    if _SPECIFIC_CHARACTER_SET not in ds:
        return inherited
    value: Any = ds.get_item(_SPECIFIC_CHARACTER_SET).value
    if isinstance(value, bytes):
        return tuple(value.decode("latin-1").strip(" \0").split("\\"))
    if isinstance(value, MultiValue | list | tuple):
        return tuple(str(term) for term in value)
    return (str(value),) if value else inherited


def _is_signed(ds: Dataset, *, inherited: bool) -> bool:
    """Whether pixel values are signed: as the data set says, else the one that it is an item of."""
    if _PIXEL_REPRESENTATION not in ds:
        return inherited
    value: Any = ds.get_item(_PIXEL_REPRESENTATION).value
    return value in {1, b"\x01\x00", b"\x00\x01"}


def _text_values(vr: str, text: str) -> list[Any]:
    if vr in _SINGLE_VALUED_TEXT:
        return [_text_value(vr, text)]
    return [_text_value(vr, part) for part in text.split("\\")]


def _text_value(vr: str, text: str) -> Any:
    text = text.rstrip(" \0") if vr in _SINGLE_VALUED_TEXT else text.strip(" \0")
    if not text.isprintable():
        text = text.translate(_UNPRINTABLE)
    if not text:
        return None
    if vr == "PN":
        groups = zip(_GROUP_NAMES, person_name_groups(text), strict=True)
        return {name: group for name, group in groups if group} or None
    if vr in {"IS", "DS"}:
        return _decimal(vr, text)
    return text


def _decimal(vr: str, text: str) -> int | float | str:
    """Return the number of a decimal string; PS3.18 F.2.3 lets what is none stay a string."""
    try:
        if vr == "IS":
            return int(text)
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _number(vr: str, number: Any) -> int | float | str | None:
    if vr in {"FL", "FD"}:
        number = float(number)
        return number if math.isfinite(number) else None
    number = int(number)
    return number if -_SAFE_INTEGER < number < _SAFE_INTEGER else str(number)


def _with_values(vr: str, values: list[Any]) -> JsonObject:
    if not values or all(value is None for value in values):
        return {"vr": vr}
    return {"vr": vr, "Value": values}


def _swapped(value: bytes, size: int) -> bytes:
    whole = len(value) // size * size
    parts = (value[start : start + size][::-1] for start in range(0, whole, size))
    return b"".join(parts)
