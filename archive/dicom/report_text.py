"""Structured reports as text for people: the content tree, line by line."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from pydicom.dataset import Dataset

MAX_LINES = 20_000
_MAX_DEPTH = 60
_SIMPLE_VALUES = {
    "TEXT": "TextValue",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "DateTime",
    "UIDREF": "UID",
    "PNAME": "PersonName",
    "SCOORD": "GraphicType",
    "SCOORD3D": "GraphicType",
    "TCOORD": "TemporalRangeType",
}
# Where UCUM's code is not what people write.
_UNITS = {"1": "", "{ratio}": "", "[hnsf'U]": "HU", "Cel": "°C"}
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Line:
    """A content item: how deep it lies, what it is called, what it says."""

    depth: int
    name: str
    value: str
    # The value is nothing but identifiers of objects or of the item itself.
    is_reference: bool = False


def report_lines(ds: Dataset) -> list[Line]:
    """Read the content tree of a structured report.

    Parameters
    ----------
    ds : the report

    Returns
    -------
    One line an item in the order of reading, the title first; no more than `MAX_LINES`

    References
    ----------
    DICOM PS3.3 C.17.3
    """
    lines: list[Line] = []
    waiting: deque[tuple[int, Dataset]] = deque([(0, ds)])
    while waiting and len(lines) < MAX_LINES:
        depth, item = waiting.popleft()
        name, value = _meaning(item, "ConceptNameCodeSequence"), _value(item)
        lines.append(Line(depth, name, value, _is_reference(item, value)))
        if depth < _MAX_DEPTH:
            children = item.get("ContentSequence") or []
            waiting.extendleft((depth + 1, child) for child in reversed(list(children)))
    return lines


def _value(item: Dataset) -> str:
    kind = str(item.get("ValueType") or "")
    if kind == "CODE":
        return _meaning(item, "ConceptCodeSequence")
    if kind == "NUM":
        return _number(item)
    if kind in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
        references = item.get("ReferencedSOPSequence") or []
        return ", ".join(_text(one.get("ReferencedSOPInstanceUID")) for one in references)
    keyword = _SIMPLE_VALUES.get(kind)
    return _text(item.get(keyword)) if keyword else ""


def _is_reference(item: Dataset, value: str) -> bool:
    """Tell a line that leads to other objects, and says nothing to who reads."""
    kind = str(item.get("ValueType") or "")
    is_leaf = not item.get("ContentSequence")
    uids = value.split(", ")
    return is_leaf and (
        kind in {"IMAGE", "COMPOSITE", "WAVEFORM", "UIDREF"}
        and all(_UID.fullmatch(one) for one in uids)
    )


def _number(item: Dataset) -> str:
    measured = _first(item, "MeasuredValueSequence")
    if measured is None:
        return _meaning(item, "NumericValueQualifierCodeSequence")
    unit = _first(measured, "MeasurementUnitsCodeSequence")
    name = "" if unit is None else _text(unit.get("CodeValue"))
    return f"{_text(measured.get('NumericValue'))} {_UNITS.get(name, name)}".strip()


def _meaning(item: Dataset, keyword: str) -> str:
    code = _first(item, keyword)
    if code is None:
        return ""
    return _text(code.get("CodeMeaning")) or _text(code.get("CodeValue"))


def _first(item: Dataset, keyword: str) -> Dataset | None:
    found = item.get(keyword)
    return found[0] if found else None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip("\0 ")


def header_lines(ds: Dataset) -> Iterator[tuple[str, str]]:
    """Say whose report it is and of when, as far as it says."""
    for name, keyword in (
        ("Patient", "PatientName"),
        ("Patient ID", "PatientID"),
        ("Study date", "StudyDate"),
        ("Content date", "ContentDate"),
        ("Completion", "CompletionFlag"),
        ("Verification", "VerificationFlag"),
    ):
        text = _text(ds.get(keyword))
        if text:
            yield name, text


def report_as_text(ds: Dataset) -> str:
    """Return the report as plain text."""
    lines = [f"{name}: {value}" for name, value in header_lines(ds)]
    lines.append("")
    for line in report_lines(ds):
        parts = [part for part in (line.name, line.value) if part]
        lines.append("  " * line.depth + ": ".join(parts))
    return "\n".join(lines) + "\n"


def report_as_html(ds: Dataset) -> str:
    """Return the report as a page of its own, without scripts and addresses."""
    lines = report_lines(ds)
    title = escape(lines[0].name or "Report")
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in header_lines(ds)
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><table>{rows}</table>{_html_list(lines[1:])}</body></html>"
    )


def _html_list(lines: list[Line]) -> str:
    pieces: list[str] = []
    open_lists = 0
    for line in lines:
        while open_lists > line.depth:
            pieces.append("</ul>")
            open_lists -= 1
        while open_lists < line.depth:
            pieces.append("<ul>")
            open_lists += 1
        name = f"<b>{escape(line.name)}</b>" if line.name else ""
        between = ": " if line.name and line.value else ""
        pieces.append(f"<li>{name}{between}{escape(line.value)}</li>")
    return "".join(pieces) + "</ul>" * open_lists
