"""Elements of the DICOM JSON model (PS3.18 F): written, read and checked."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from archive.dicom.charsets import person_name_groups
from archive.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

JsonObject = dict[str, Any]

_TAG = re.compile(r"[0-9A-F]{8}")
_VR = re.compile(r"[A-Z]{2}")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_MAX_DEPTH = 12
_MAX_ELEMENTS = 20_000


def element(vr: str, value: Any) -> JsonObject:
    """Return an element of one value; None and an empty text are none."""
    return {"vr": vr} if value is None or value == "" else {"vr": vr, "Value": [value]}


def name_element(value: str) -> JsonObject:
    """Return a person's name."""
    groups = zip(_GROUPS, person_name_groups(value), strict=True)
    said = {kind: text for kind, text in groups if text}
    return {"vr": "PN", "Value": [said]} if said else {"vr": "PN"}


def sequence(*items: Mapping[str, Any]) -> JsonObject:
    """Return a sequence of items whose elements are put in order."""
    if not items:
        return {"vr": "SQ"}
    return {"vr": "SQ", "Value": [dict(sorted(item.items())) for item in items]}


def moment_text(value: datetime | None) -> str:
    """Return a moment as DT."""
    return value.strftime("%Y%m%d%H%M%S.%f%z") if value else ""


def text_of(ds: Mapping[str, Any], *path: str) -> str:
    """Return the first value at a path of tags through first items, as text; empty for none."""
    *sequences, tag = path
    for step in sequences:
        ds = (items_of(ds, step) or [{}])[0]
    value = ((ds.get(tag) or {}).get("Value") or [None])[0]
    if isinstance(value, dict):
        groups = [str(value.get(kind) or "") for kind in _GROUPS]
        return "=".join(groups).rstrip("=")
    return "" if value is None else str(value).strip()


def items_of(ds: Mapping[str, Any], tag: str) -> list[JsonObject]:
    """Return the items of a sequence."""
    return [item for item in (ds.get(tag) or {}).get("Value") or [] if isinstance(item, dict)]


def checked_dataset(body: Any) -> JsonObject:
    """Return the one data set that a request's body holds, in an array or not.

    Raises
    ------
    InvalidRequestError
        It is no data set in the DICOM JSON model.
    """
    if isinstance(body, list):
        if len(body) != 1:
            raise InvalidRequestError("The body holds one data set.")
        body = body[0]
    count = _check_items(body, "the data set", 0)
    if count > _MAX_ELEMENTS:
        raise InvalidRequestError("The data set has too many elements.")
    return dict(sorted(body.items()))


def _check_items(ds: Any, where: str, depth: int) -> int:
    """Check one level; return how many elements there are, all levels counted."""
    if not isinstance(ds, dict) or depth > _MAX_DEPTH:
        raise InvalidRequestError(f"There is no data set in {where}.")
    count = 0
    for tag, one in ds.items():
        if not _TAG.fullmatch(tag) or not isinstance(one, dict):
            raise InvalidRequestError(f"{tag[:16]!r} in {where} is no element of DICOM JSON.")
        vr, values = one.get("vr"), one.get("Value", [])
        if not isinstance(vr, str) or not _VR.fullmatch(vr):
            raise InvalidRequestError(f"{tag} says no value representation.")
        if not isinstance(values, list) or set(one) - {"vr", "Value", "InlineBinary"}:
            raise InvalidRequestError(f"{tag} is no element that a workitem holds.")
        count += 1 + len(values)
        for value in values:
            if vr == "SQ":
                count += _check_items(value, tag, depth + 1)
            else:
                _check_value(tag, vr, value)
    return count


def _check_value(tag: str, vr: str, value: Any) -> None:
    texts = list(value.values()) if vr == "PN" and isinstance(value, dict) else [value]
    for text in texts:
        is_bad = isinstance(text, dict | list | bool)
        is_bad |= isinstance(text, str) and "\x00" in text
        is_bad |= isinstance(text, float) and not math.isfinite(text)
        if is_bad:
            raise InvalidRequestError(f"{tag} holds no value of {vr}.")
    if vr == "PN" and value is not None and not isinstance(value, dict):
        raise InvalidRequestError(f"{tag}: a name is an object of component groups.")
