"""Query strings into questions to the archive."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from archive.dicom.windowing import Window
from archive.errors import InvalidRequestError, InvalidWindowError, NotVisibleError
from archive.query.types import Level, MatchingKey, Query
from archive.retrieve.rendering import Region, Rendering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import QueryDict

_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
# The last one is our own: rejected results too.
_FLAGS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching", "includerejected")
_OWN_FLAGS = ("totalcount",)
_PARAMETERS = frozenset(
    {*_FLAGS, *_OWN_FLAGS, "includefield", "limit", "offset", "orderby", "accept", "charset"}
)
_MAX_KEYS = 100
_MAX_ORDER = 5
_MAX_FRAMES = 20_000
_MAX_NUMBER = 2**31 - 1
_MAX_SIDE = 8192
# Values of these may hold commas themselves, so that only a backslash separates alternatives.
_COMMA_LISTS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"})
_FORMATS = {"image/jpeg": "jpeg", "image/png": "png", "image/gif": "gif"}
PICTURE_TYPES = tuple(_FORMATS)


def parse_query(
    parameters: QueryDict,
    level: Level,
    *,
    study_instance_uid: str | None = None,
    series_instance_uid: str | None = None,
) -> Query:
    """Read a search's query string (PS3.18 8.3.4); what is no attribute is passed on by name."""
    keys = [
        MatchingKey(_keyword(name), _alternatives(_keyword(name), values))
        for name, values in parameters.lists()
        if name.lower() not in _PARAMETERS
    ]
    if len(keys) > _MAX_KEYS:
        raise InvalidRequestError(f"A search takes at most {_MAX_KEYS} keys.")
    flags = {name: _flag(parameters, name) for name in _FLAGS}
    fields = [
        field.strip() for text in parameters.getlist("includefield") for field in text.split(",")
    ]
    return Query(
        level=level,
        keys=tuple(keys),
        include=frozenset(_keyword(field) for field in fields if field),
        is_everything_included="all" in fields,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
        limit=_number(parameters, "limit"),
        offset=_number(parameters, "offset") or 0,
        is_fuzzy=flags["fuzzymatching"],
        is_empty_value_matching=flags["emptyvaluematching"],
        is_multiple_value_matching=flags["multiplevaluematching"],
        is_datetime_combined=True,
        is_withheld_included=flags["includerejected"],
        is_total_wanted=_flag(parameters, "totalcount"),
        order=tuple(_order(parameters.getlist("orderby"))),
    )


def _order(texts: list[str]) -> Iterator[tuple[str, bool]]:
    """Read an extension of ours and others': attributes, with a minus the largest first."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if len(names) > _MAX_ORDER:
        raise InvalidRequestError(f"orderby takes at most {_MAX_ORDER} attributes.")
    for name in names:
        yield _keyword(name.removeprefix("-")), name.startswith("-")


def _keyword(name: str) -> str:
    """Return an attribute path by keywords, tags of the dictionary replaced; others as they are."""
    return ".".join(_keyword_of(part) for part in name.strip().split("."))


def _keyword_of(part: str) -> str:
    if _TAG.fullmatch(part) and tag_for_keyword(part) is None:
        return keyword_for_tag(int(part, 16)) or part.upper()
    return part


def _alternatives(keyword: str, values: list[str]) -> tuple[str, ...]:
    separators = r"[\\,]" if keyword in _COMMA_LISTS or keyword.endswith("UID") else r"\\"
    return tuple(part for value in values for part in re.split(separators, value))


def _flag(parameters: QueryDict, name: str) -> bool:
    text = parameters.get(name, "false").strip().lower()
    if text not in {"true", "false", ""}:
        raise InvalidRequestError(f"{name} is true or false.")
    return text == "true"


def _number(parameters: QueryDict, name: str) -> int | None:
    text = parameters.get(name)
    if text is None or not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit():
        raise InvalidRequestError(f"{name} is a whole number from 0.")
    return min(int(text[:20]), _MAX_NUMBER)


def parse_frame_numbers(text: str) -> list[int]:
    """Read a list of frame numbers, from 1 (PS3.18 10.4.1.1.3)."""
    parts = text.split(",")
    if len(parts) > _MAX_FRAMES:
        raise InvalidRequestError(f"At most {_MAX_FRAMES} frames in one request.")
    if any(not part.isascii() or not part.isdigit() or len(part) > 9 for part in parts):
        raise InvalidRequestError("Frames are given as numbers from 1, separated by commas.")
    numbers = [int(part) for part in parts]
    if 0 in numbers:
        raise NotVisibleError("Frames are numbered from 1.")
    return numbers


def parse_rendering(
    parameters: QueryDict, media_type: str, *, default_side: int | None = None
) -> Rendering:
    """Read window, viewport, quality and annotation (PS3.18 8.3.5)."""
    size, region = _viewport(parameters.get("viewport"))
    if size is None and default_side is not None:
        size = (default_side, default_side)
    quality = _number(parameters, "quality")
    if quality is not None and not 1 <= quality <= 100:
        raise InvalidRequestError("quality is a number from 1 to 100.")
    notes = _annotations(parameters.get("annotation"))
    return Rendering(
        format=_FORMATS[media_type],
        window=_window(parameters.get("window")),
        size=size,
        region=region,
        quality=quality or 85,
        with_patient="patient" in notes,
        with_technique="technique" in notes,
    )


def _annotations(text: str | None) -> set[str]:
    notes = {part.strip().lower() for part in (text or "").split(",")} - {""}
    if notes - {"patient", "technique"}:
        raise InvalidRequestError("annotation is patient, technique or both.")
    return notes


def _window(text: str | None) -> Window | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    function = parts[2].upper().replace("-", "_") if len(parts) == 3 and parts[2] else "LINEAR"
    if len(parts) not in {2, 3}:
        raise InvalidWindowError("window is center,width,function.")
    return Window(_decimal(parts[0], "window"), _decimal(parts[1], "window"), function)


def _viewport(text: str | None) -> tuple[tuple[int, int] | None, Region | None]:
    if text is None:
        return None, None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in {2, 6}:
        raise InvalidRequestError("viewport is width,height or width,height,sx,sy,sw,sh.")
    width, height = (_decimal(part, "viewport") for part in parts[:2])
    if not (1 <= width <= _MAX_NUMBER and 1 <= height <= _MAX_NUMBER):
        raise InvalidRequestError("viewport needs a width and height of at least 1.")
    if len(parts) == 2:
        return (int(width), int(height)), None
    # What is left empty takes its default: the whole image.
    sx, sy, sw, sh = (_decimal(part, "viewport") if part else 0.0 for part in parts[2:])
    return (int(width), int(height)), Region(sx, sy, sw, sh)


def _decimal(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise InvalidRequestError(f"{name} takes numbers.") from error
    if not math.isfinite(number) or abs(number) > 1e9:
        raise InvalidRequestError(f"{name} takes finite numbers.")
    return number


def parse_wado_rendering(parameters: QueryDict, media_type: str) -> Rendering:
    """Read the rendering keys of WADO-URI (PS3.18 9.1.2.2)."""
    center, width = parameters.get("windowCenter"), parameters.get("windowWidth")
    if (center is None) != (width is None):
        raise InvalidWindowError("windowCenter and windowWidth go together.")
    sides = [_number(parameters, name) or 0 for name in ("columns", "rows")]
    quality = _number(parameters, "imageQuality")
    notes = _annotations(parameters.get("annotation"))
    return Rendering(
        format=_FORMATS[media_type],
        window=_window(f"{center},{width}") if center is not None else None,
        # A side that is not given does not bound the picture.
        size=(sides[0] or _MAX_SIDE, sides[1] or _MAX_SIDE) if any(sides) else None,
        region=_region(parameters.get("region")),
        with_patient="patient" in notes,
        with_technique="technique" in notes,
        quality=min(max(quality or 85, 1), 100),
    )


def _region(text: str | None) -> Region | None:
    """Read the part of the image: two corners, as shares of its sides."""
    if text is None:
        return None
    parts = [_decimal(part.strip(), "region") for part in text.split(",")]
    if len(parts) != 4 or not all(0 <= part <= 1 for part in parts):
        raise InvalidRequestError("region is four numbers from 0 to 1: left, top, right, bottom.")
    left, top, right, bottom = parts
    if left >= right or top >= bottom:
        raise InvalidRequestError("region's first corner is the upper left one.")
    return Region(left, top, right - left, bottom - top, is_relative=True)
