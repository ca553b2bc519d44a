"""A query as plain JSON, the way the API takes it: how a search is kept."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any

from inference.similarity.errors import InvalidQueryError
from inference.similarity.types import Filters, Level, PatientScope, Region, SimilarQuery

_DATES = ("date_from", "date_to")


def query_json(query: SimilarQuery) -> dict[str, Any]:
    """Write a query down.

    Parameters
    ----------
    query : without an uploaded picture: those are kept nowhere

    Returns
    -------
    JSON with the fields that are not as they are by themselves.

    Raises
    ------
    InvalidQueryError
        The query has an uploaded picture.
    """
    if query.image:
        message = "An uploaded image is never stored: a search by one can't be kept."
        raise InvalidQueryError(message, field="image")
    plain = SimilarQuery()
    written: dict[str, Any] = {}
    for entry in fields(SimilarQuery):
        value = getattr(query, entry.name)
        if entry.name not in {"image", "filters", "region"} and value != getattr(plain, entry.name):
            written[entry.name] = list(value) if isinstance(value, tuple) else value
    for name in ("level", "patient"):
        if name in written:
            written[name] = str(written[name])
    if query.region is not None:
        region = query.region
        written["region"] = [region.x, region.y, region.width, region.height]
    if query.filters != Filters():
        written["filters"] = filters_json(query.filters)
    return written


def filters_json(filters: Filters) -> dict[str, Any]:
    """Write filters down.

    Parameters
    ----------
    filters : of a query

    Returns
    -------
    JSON with the conditions that are set; attributes as keyword and values.
    """
    written: dict[str, Any] = {}
    for entry in fields(Filters):
        value = getattr(filters, entry.name)
        if value is None or value == ():
            continue
        if entry.name == "attribute":
            by_keyword: dict[str, list[str]] = {}
            for keyword, text in value:
                by_keyword.setdefault(keyword, []).append(text)
            written["attribute"] = by_keyword
        elif isinstance(value, date):
            written[entry.name] = value.isoformat()
        else:
            written[entry.name] = list(value) if isinstance(value, tuple) else value
    return written


def query_from_json(written: dict[str, Any]) -> SimilarQuery:
    """Read a query that was written down.

    Parameters
    ----------
    written : from `query_json`

    Returns
    -------
    The same query; what this release knows no field for is passed over.
    """
    values = _known(SimilarQuery, written)
    if "region" in values:
        values["region"] = Region(*values["region"])
    for name in ("positive", "negative"):
        if name in values:
            values[name] = tuple(values[name])
    if "level" in values:
        values["level"] = Level(values["level"])
    if "patient" in values:
        values["patient"] = PatientScope(values["patient"])
    if "filters" in values:
        values["filters"] = filters_from_json(values["filters"])
    return SimilarQuery(**values)


def filters_from_json(written: dict[str, Any]) -> Filters:
    """Read filters that were written down.

    Parameters
    ----------
    written : from `filters_json`

    Returns
    -------
    The same filters.
    """
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in _known(Filters, written).items()
    }
    for name in _DATES:
        if name in values:
            values[name] = date.fromisoformat(values[name])
    if "attribute" in values:
        values["attribute"] = tuple(
            (keyword, text) for keyword, texts in values["attribute"].items() for text in texts
        )
    return Filters(**values)


def _known(kind: type[SimilarQuery | Filters], written: dict[str, Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in written.items() if name in names}
