"""The one query engine: matching keys in, return keys out, inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, Model, QuerySet

from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from archive.models import Instance, Patient, Series, Study
from archive.query.attributes import ATTRIBUTES, Attribute, Returned, is_supported, level_path
from archive.query.matching import key_condition
from archive.query.types import Kind, Level, Match, Page, Query
from archive.query.values import written_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archive.models.querysets import AnyUser

# What one call gives at most; the rest is asked for with an offset.
MAX_RESULTS = {
    Level.PATIENT: 1000,
    Level.STUDY: 1000,
    Level.SERIES: 5000,
    Level.INSTANCE: 20_000,
}
# Further answers are counted up to here: a hint for paging is not worth a walk over all rows.
MAX_COUNTED = 1000
_STREAMED_ROWS = 500

_MODELS: dict[Level, Any] = {
    Level.PATIENT: Patient,
    Level.STUDY: Study,
    Level.SERIES: Series,
    Level.INSTANCE: Instance,
}
_UID_COLUMNS = {
    Level.STUDY: "study_instance_uid",
    Level.SERIES: "series_instance_uid",
    Level.INSTANCE: "sop_instance_uid",
}
_UIDS = frozenset(_UID_COLUMNS.values())
_NUMBER_COLUMNS = {Level.SERIES: "series_number", Level.INSTANCE: "instance_number"}


def matches(*, user: AnyUser, query: Query) -> Page:
    """Answer a query from indexed columns alone, in one statement and a count where more is left.

    Parameters
    ----------
    user
        the asker; nothing outside their rights is counted or returned
    query
        what is asked

    Returns
    -------
    the answers in a stable order, newest studies first

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    """
    return page_of(matching_rows(user=user, query=query), query)


def stream_matches(*, user: AnyUser, query: Query) -> Iterator[Match]:
    """Answer a query without a limit, row by row, in constant memory.

    Parameters
    ----------
    user
        the asker; nothing outside their rights is returned
    query
        what is asked; limit and offset are not looked at

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    """
    wanted = returned_attributes(query)
    rows = matching_rows(user=user, query=query).values_list(*_columns(query, wanted))
    for row in rows.iterator(chunk_size=_STREAMED_ROWS):
        yield _match(row, wanted)


def matching_rows(*, user: AnyUser, query: Query) -> QuerySet[Any]:
    """Rows of the query's level that match, inside the user's rights, in the order of answers.

    Parameters
    ----------
    user
        the asker
    query
        what is asked; limit and offset are left to the caller

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    """
    rows: QuerySet[Any] = _MODELS[query.level].objects.visible_to(user)
    rows = _shown(_under_parent(rows, query), query)
    for key in query.keys:
        attribute = ATTRIBUTES.get(key.keyword)
        path = level_path(query.level, attribute.level) if attribute else None
        if attribute is not None and path is not None:
            rows = rows.filter(key_condition(attribute, path, key, query))
    return rows.order_by(*_order(query))


def _shown(rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
    """Leave out what is withheld, unless it is asked for or named."""
    if query.is_withheld_included or query.level is Level.PATIENT:
        return rows
    named = {key.keyword for key in query.keys if any(key.values)}
    if query.level is Level.STUDY:
        return rows if "StudyInstanceUID" in named else rows.filter(withheld="")
    if query.level is Level.INSTANCE and "SOPInstanceUID" not in named:
        # Those that a note rejected.
        rows = rows.filter(withheld="")
    if query.series_instance_uid is not None or named & {"SeriesInstanceUID", "SOPInstanceUID"}:
        return rows
    return rows.filter(**{f"{level_path(query.level, Level.SERIES)}withheld": ""})


def _under_parent(rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
    parents = ((Level.STUDY, query.study_instance_uid), (Level.SERIES, query.series_instance_uid))
    for level, uid in parents:
        if uid is None:
            continue
        if not is_valid_uid(uid):
            raise InvalidRequestError(f"{uid[:64]!r} is not a UID.")
        path = level_path(query.level, level)
        rows = rows.filter(**{f"{path}{_UID_COLUMNS[level]}": uid})
    return rows


def _order(query: Query) -> Sequence[Any]:
    if query.level is Level.PATIENT:
        return ("patient_name_search", "pk")
    if query.level is Level.STUDY:
        newest = (F("study_date").desc(nulls_last=True), F("study_time").desc(nulls_last=True))
        return (*newest, "-pk")
    number = F(_NUMBER_COLUMNS[query.level]).asc(nulls_last=True)
    if query.series_instance_uid is not None or (
        query.level is Level.SERIES and query.study_instance_uid is not None
    ):
        return (number, "pk")
    if query.study_instance_uid is not None:
        return ("series_id", number, "pk")
    return ("-pk",)


def page_of(rows: QuerySet[Model], query: Query) -> Page:
    """Cut a page out of matching rows and write it as return keys.

    Parameters
    ----------
    rows
        from `matching_rows`
    query
        the same query

    Returns
    -------
    at most `MAX_RESULTS` answers
    """
    wanted = returned_attributes(query)
    columns = _columns(query, wanted)
    largest = MAX_RESULTS[query.level]
    size = largest if query.limit is None else min(query.limit, largest)
    found = list(rows.values_list(*columns)[query.offset : query.offset + size + 1])
    remaining = 0
    if len(found) > size:
        found = found[:size]
        start = query.offset + size
        remaining = rows.order_by()[start : start + MAX_COUNTED + 1].count()
    unsupported = tuple(
        key.keyword for key in query.keys if not is_supported(key.keyword, query.level)
    )
    return Page(
        matches=tuple(_match(row, wanted) for row in found),
        remaining=min(remaining, MAX_COUNTED),
        is_remaining_exact=remaining <= MAX_COUNTED,
        unsupported=unsupported,
    )


def _columns(query: Query, wanted: Sequence[Attribute]) -> list[str]:
    """List the attributes' columns first, then the UIDs of each level."""
    uid_levels = [level for level in _UID_COLUMNS if level <= query.level]
    uids = [f"{level_path(query.level, level)}{_UID_COLUMNS[level]}" for level in uid_levels]
    return [_column(query, attribute) for attribute in wanted] + uids


def _column(query: Query, attribute: Attribute) -> str:
    # A constant has no column; the key keeps its place in the row.
    path = level_path(query.level, attribute.level)
    return f"{path}{attribute.column}" if attribute.column else "pk"


def _match(row: tuple[Any, ...], wanted: Sequence[Attribute]) -> Match:
    uids = (*row[len(wanted) :], "", "", "")
    values = []
    for attribute, value in zip(wanted, row, strict=False):
        if attribute.kind is Kind.CONSTANT:
            values.append((attribute, (attribute.constant,)))
            continue
        written = written_values(attribute.kind, value)
        if written or attribute.returned is not Returned.IF_KNOWN:
            values.append((attribute, written))
    return Match(uids[0], uids[1], uids[2], tuple(values))


def returned_attributes(query: Query) -> list[Attribute]:
    """List the attributes of an answer, in the order of their tags.

    Own level and, in a search across all parents, the parents' levels; every key that was
    matched; what was asked for besides; the UIDs always.

    Parameters
    ----------
    query
        what is asked
    """
    asked = {key.keyword.partition(".")[0] for key in query.keys} | query.include
    return sorted(
        (
            attribute
            for attribute in ATTRIBUTES.values()
            if "." not in attribute.keyword
            and level_path(query.level, attribute.level) is not None
            and _is_returned(attribute, query, asked)
        ),
        key=lambda attribute: attribute.tag,
    )


def _is_returned(attribute: Attribute, query: Query, asked: set[str] | frozenset[str]) -> bool:
    if query.is_everything_included or attribute.keyword in asked:
        return True
    if attribute.column in _UIDS:
        return True
    return attribute.returned is not Returned.ON_REQUEST and attribute.level in _levels(query)


def _levels(query: Query) -> set[Level]:
    """Levels whose attributes come unasked: a parent named in the query is known to the asker."""
    levels = {query.level}
    if query.level is Level.STUDY:
        levels.add(Level.PATIENT)
    if query.level >= Level.SERIES and query.study_instance_uid is None:
        levels |= {Level.PATIENT, Level.STUDY}
    if query.level is Level.INSTANCE and query.series_instance_uid is None:
        levels.add(Level.SERIES)
    return levels
