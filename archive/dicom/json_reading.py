"""The DICOM JSON model back to a data set; strict on what comes, whatever it claims to be."""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.valuerep import format_number_as_ds

from archive.errors import InvalidRequestError

MAX_DEPTH = 32
_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_TEXT = frozenset(
    ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
)
_WHOLE = frozenset(["SL", "SS", "UL", "US", "SV", "UV"])
_FLOATS = frozenset({"FL", "FD"})
_BINARY = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
_CHARACTER_SET = 0x00080005

Fetch = Callable[[str], bytes]


@dataclass
class ReadDataset:
    """A data set, and which values of its top level lie elsewhere: tag to VR and URI."""

    ds: Dataset
    bulk: dict[int, tuple[str, str]] = field(default_factory=dict)


def read_dicom_json(document: object, fetch: Fetch) -> ReadDataset:
    """Build a data set from the DICOM JSON model.

    Parameters
    ----------
    document : one object of the model, as a JSON parser returns it
    fetch : gives the bytes for a BulkDataURI inside a sequence; raises KeyError where it has none

    Returns
    -------
    Elements with UTF-8 as their character set; group lengths and file meta are left out. Values
    behind a BulkDataURI at the top level are named and not fetched: they may be large.

    Raises
    ------
    InvalidRequestError
        The document is not of the model; the message names the attribute.

    References
    ----------
    DICOM PS3.18 annex F
    """
    reader = _Reader(fetch)
    ds = reader.dataset(document, 0)
    ds.add(_element(_CHARACTER_SET, "CS", "ISO_IR 192"))
    return ReadDataset(ds, reader.bulk)


class _Reader:
    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.bulk: dict[int, tuple[str, str]] = {}

    def dataset(self, document: object, depth: int) -> Dataset:
        if not isinstance(document, Mapping):
            raise InvalidRequestError("A data set is a JSON object.", code="malformed-metadata")
        if depth > MAX_DEPTH:
            raise InvalidRequestError("Sequences are nested too deep.", code="malformed-metadata")
        ds = Dataset()
        for key, content in document.items():
            if not isinstance(key, str) or not _TAG.fullmatch(key):
                raise InvalidRequestError(
                    "Attributes are named by eight hexadecimal digits.", code="malformed-metadata"
                )
            tag = int(key, 16)
            if tag >> 16 <= 2 or tag & 0xFFFF == 0 or tag == _CHARACTER_SET:
                continue
            if not isinstance(content, Mapping):
                raise _bad(key, "is a JSON object")
            element = self.element(tag, key, content, depth)
            if element is not None:
                ds.add(element)
        return ds

    def element(
        self, tag: int, key: str, content: Mapping[str, Any], depth: int
    ) -> DataElement | None:
        vr = content.get("vr")
        if vr not in _TEXT | _WHOLE | _FLOATS | _BINARY | {"IS", "DS", "AT", "SQ"}:
            raise _bad(key, "needs a vr of PS3.5")
        if "BulkDataURI" in content:
            return self.elsewhere(tag, key, vr, content["BulkDataURI"], depth)
        if "InlineBinary" in content:
            return _element(tag, vr, _from_base64(key, content["InlineBinary"]))
        values = content.get("Value", [])
        if not isinstance(values, list):
            raise _bad(key, "has its values in a list")
        if vr == "SQ":
            items = [self.dataset(item or {}, depth + 1) for item in values]
            return _element(tag, vr, Sequence(items))
        if vr in _BINARY:
            if values:
                raise _bad(key, "gives binary values as InlineBinary or BulkDataURI")
            return _element(tag, vr, b"")
        return _element(tag, vr, _decoded(key, vr, values))

    def elsewhere(self, tag: int, key: str, vr: str, uri: object, depth: int) -> DataElement | None:
        if not isinstance(uri, str) or vr == "SQ":
            raise _bad(key, "has a text as BulkDataURI")
        if depth == 0:
            self.bulk[tag] = (vr, uri)
            return None
        try:
            content = self.fetch(uri)
        except KeyError:
            raise InvalidRequestError(
                f"No part of the request holds the bulk data of {key}.", code="bulk-data-missing"
            ) from None
        return _element(tag, vr, content if vr in _BINARY else content.decode("utf-8", "replace"))


def _decoded(key: str, vr: str, values: list[Any]) -> Any:
    try:
        if vr == "AT":
            return [Tag(int(_of_type(value, str), 16)) for value in values]
        if vr in _WHOLE:
            return [int(value) for value in values if not isinstance(value, bool)]
        if vr in _FLOATS:
            return [math.nan if value is None else float(value) for value in values]
        return "\\".join(_text(vr, value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad(key, f"has a value that is no {vr}") from error


def _text(vr: str, value: object) -> str:
    if value is None:
        return ""
    if vr == "PN":
        if isinstance(value, str):
            return value
        names = [_of_type(_of_type(value, dict).get(group, ""), str) for group in _GROUPS]
        return "=".join(names).rstrip("=")
    if vr in {"IS", "DS"} and isinstance(value, float | int) and not isinstance(value, bool):
        return _decimal(vr, value)
    return str(_of_type(value, str))


def _decimal(vr: str, value: float) -> str:
    if vr == "IS":
        return str(int(value))
    text = repr(value)
    # A decimal string holds 16 characters (PS3.5 6.2).
    return text if len(text) <= 16 else str(format_number_as_ds(float(value)))


def _of_type(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _from_base64(key: str, text: object) -> bytes:
    try:
        return base64.b64decode(_of_type(text, str), validate=True)
    except (TypeError, binascii.Error, ValueError) as error:
        raise _bad(key, "has an InlineBinary that is no base64") from error


def _element(tag: int, vr: str, value: Any) -> DataElement:
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)


def _bad(key: str, wanted: str) -> InvalidRequestError:
    return InvalidRequestError(f"Attribute {key} {wanted}.", code="malformed-metadata")
