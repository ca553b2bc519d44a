"""Labels in CSV files."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from archive.errors import InvalidRequestError
from inference.training.labelling import NewLabel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How people call the columns, and what they mean.
_COLUMNS = {
    "study": "study",
    "study_uid": "study",
    "study_instance_uid": "study",
    "studyinstanceuid": "study",
    "series": "series",
    "series_uid": "series",
    "series_instance_uid": "series",
    "seriesinstanceuid": "series",
    "instance": "instance",
    "instance_uid": "instance",
    "sop_instance_uid": "instance",
    "sopinstanceuid": "instance",
    "label_set": "label_set",
    "labelset": "label_set",
    "set": "label_set",
    "label": "label",
    "frame": "frame",
    "frame_number": "frame",
    "region": "region",
    "reader": "reader",
    "annotator": "reader",
}


def read_labels(lines: Iterable[str]) -> Iterator[NewLabel]:
    """Read labels from the lines of a CSV file with a header.

    Columns: study, series or instance (UIDs), label set, label; where wanted also frame, region
    (x, y, width and height in pixels, with spaces between) and reader (an account's name). Where
    a row names several objects, the most specific one is labelled.

    Raises
    ------
    InvalidRequestError
        A column is missing, or the file is no CSV.
    """
    reader = csv.DictReader(lines, restval="")
    try:
        names = {
            name: _COLUMNS.get(name.strip().lower().replace(" ", "_").lstrip("\ufeff"))
            for name in reader.fieldnames or ()
        }
        _check_columns(set(names.values()))
        for row in reader:
            values = {kind: (row[name] or "").strip() for name, kind in names.items() if kind}
            yield _label(values)
    except csv.Error as error:
        message = f"Line {reader.line_num} is not CSV: {error}."
        raise InvalidRequestError(message) from error


def _label(values: dict[str, str]) -> NewLabel:
    levels = ("instance", "series", "study")
    deepest = next((level for level in levels if values.get(level)), "study")
    frames = _numbers(values.get("frame", ""), "frame")
    if len(frames) > 1 or (values.get("frame") and not frames):
        raise InvalidRequestError("The column frame holds one number.")
    return NewLabel(
        label_set=values["label_set"],
        label=values["label"],
        frame=frames[0] if frames else None,
        region=_numbers(values.get("region", ""), "region"),
        reader=values.get("reader", ""),
        **{deepest: values.get(deepest, "")},
    )


def _numbers(text: str, column: str) -> tuple[int, ...]:
    try:
        return tuple(round(float(part)) for part in text.replace(",", " ").split())
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError(f"The column {column} holds numbers.") from error


def _check_columns(kinds: set[str | None]) -> None:
    if not kinds & {"study", "series", "instance"}:
        raise InvalidRequestError("The file has no column study, series or instance.")
    for kind in ("label_set", "label"):
        if kind not in kinds:
            raise InvalidRequestError(f"The file has no column {kind}.")
