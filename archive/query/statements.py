"""From a query to one SELECT: columns, joins, rights, conditions and order.

The statements are written by hand because Django's building of them costs more than their
answering: milliseconds against tenths. Names of tables and columns are ours, rights are those of
`visible_to`, everything of the asker is a parameter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from archive.models import Instance, Patient, Series, Study
from archive.models.visibility import visibility
from archive.query.attributes import ATTRIBUTES, TABLES, Attribute, Returned
from archive.query.conditions import Condition
from archive.query.matching import key_condition, wanted_values
from archive.query.moments import combined_keywords, moment_condition
from archive.query.types import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

    from archive.models.querysets import AnyUser
    from archive.query.types import Query

UID_COLUMNS = {
    Level.STUDY: "study_instance_uid",
    Level.SERIES: "series_instance_uid",
    Level.INSTANCE: "sop_instance_uid",
}
_UIDS = frozenset(UID_COLUMNS.values())
_MODELS: dict[Level, type[Model]] = {
    Level.PATIENT: Patient,
    Level.STUDY: Study,
    Level.SERIES: Series,
    Level.INSTANCE: Instance,
}
_LEVELS = {table: level for level, table in TABLES.items()}
_PARENTS = {Level.INSTANCE: "series_id", Level.SERIES: "study_id", Level.STUDY: "patient_id"}
_ORDERS = {
    Level.PATIENT: "archive_patient.patient_name_search, archive_patient.id",
    Level.STUDY: "archive_study.study_date DESC NULLS LAST,"
    " archive_study.study_time DESC NULLS LAST, archive_study.id DESC",
    Level.SERIES: "archive_series.series_number NULLS LAST, archive_series.id",
    Level.INSTANCE: "archive_instance.instance_number NULLS LAST, archive_instance.id",
}
# Read off the indexes, one row each: an aggregate would tempt the planner to walk the keys.
_NAMED = "id::text || '/' || sop_instance_uid"
_OF_SERIES = (
    f"(SELECT {_NAMED} FROM archive_instance AS one WHERE one.series_id = {{}}"  # noqa: S608 ours
    " AND one.withheld = '' ORDER BY one.instance_number, one.id LIMIT 1)"
)
_REPRESENTATIVES = {
    Level.INSTANCE: "archive_instance.id::text || '/' || archive_instance.sop_instance_uid",
    Level.SERIES: _OF_SERIES.format("archive_series.id"),
    Level.STUDY: _OF_SERIES.format(
        "(SELECT first.id FROM archive_series AS first WHERE first.study_id = archive_study.id"
        " AND first.withheld = '' ORDER BY first.series_number, first.id LIMIT 1)"
    ),
}


class Statement(NamedTuple):
    """A SELECT in its parts, and what follows from them.

    ``is_exact`` where its plan does not depend on the values compared with.
    """

    source: str
    where: str
    params: tuple[Any, ...]
    columns: str
    order: str
    counted_source: str
    is_exact: bool

    def with_representatives(self, level: Level) -> Statement:
        """Add the instance that stands for each row, as its key and its UID in one text."""
        return self._replace(columns=f"{self.columns}, {_REPRESENTATIVES[level]}")

    def page(self, offset: int, size: int) -> str:
        """Return the SELECT of some rows; the numbers are ours or checked."""
        cut = f" OFFSET {offset:d}" if offset else ""
        return f"{self.everything()} LIMIT {size:d}{cut}"

    def everything(self) -> str:
        """Return the SELECT of all rows."""
        return f"SELECT {self.columns} {self.source} {self.where} ORDER BY {self.order}"

    def counted(self, offset: int, limit: int | None) -> str:
        """Return the SELECT of how many rows there are behind an offset, up to a limit."""
        cut = "" if limit is None else f" LIMIT {limit:d}"
        rows = f"SELECT 1 {self.counted_source} {self.where} OFFSET {offset:d}{cut}"
        return f"SELECT count(*) FROM ({rows}) counted"  # noqa: S608 put together above


def statement_of(user: AnyUser, query: Query, attributes: tuple[Attribute, ...]) -> Statement:
    """Write the statement that answers a query inside the user's rights.

    Parameters
    ----------
    user
        the asker
    query
        what is asked
    attributes
        what is returned, from `returned_attributes`

    Raises
    ------
    InvalidRequestError
        A key's value is malformed.
    """
    allowed = visibility(_MODELS[query.level], user)
    conditions = [Condition(allowed.sql, allowed.params, is_exact=True)]
    levels = {query.level, *(_LEVELS[table] for table in allowed.tables if table in _LEVELS)}
    for level, condition in _conditions(query):
        levels.add(level)
        conditions.append(condition)
    order_levels, order = _order(query)
    shown = {attribute.level for attribute in attributes} | set(order_levels)
    # All UIDs from the study down are selected.
    shown |= {level for level in UID_COLUMNS if level <= query.level}
    where = " AND ".join(condition.sql for condition in conditions if condition.sql != "true")
    return Statement(
        source=_from(query.level, min(levels | shown)),
        where=f"WHERE {where or 'true'}",
        params=tuple(param for condition in conditions for param in condition.params),
        columns=_columns(query.level, attributes),
        order=order,
        # What is only shown need not be joined to be counted.
        counted_source=_from(query.level, min(levels)),
        is_exact=all(condition.is_exact for condition in conditions),
    )


def _from(level: Level, top: Level) -> str:
    parts = [f"FROM {TABLES[level]}"]
    for below in range(level, top, -1):
        child, parent = TABLES[Level(below)], TABLES[Level(below - 1)]
        parts.append(f"JOIN {parent} ON {parent}.id = {child}.{_PARENTS[Level(below)]}")
    return " ".join(parts)


@lru_cache(maxsize=512)
def _columns(level: Level, attributes: tuple[Attribute, ...]) -> str:
    uids = [f"{TABLES[each]}.{UID_COLUMNS[each]}" for each in UID_COLUMNS if each <= level]
    return ", ".join([attribute.written for attribute in attributes] + uids) or "1"


def _conditions(query: Query) -> Iterator[tuple[Level, Condition]]:
    yield from _parents(query)
    yield from _shown(query)
    values = {key.keyword: wanted_values(key) for key in query.keys} if query.keys else {}
    combined = combined_keywords(values) if query.is_datetime_combined else {}
    for date_keyword, time_keyword in combined.items():
        date_attribute, time_attribute = ATTRIBUTES[date_keyword], ATTRIBUTES[time_keyword]
        if date_attribute.level <= query.level:
            condition = moment_condition(
                f'{date_attribute.table}."{date_attribute.column}"',
                f'{time_attribute.table}."{time_attribute.column}"',
                values[date_keyword][0],
                values[time_keyword][0],
            )
            yield date_attribute.level, condition
    done = {*combined, *combined.values()}
    for key in query.keys:
        attribute = ATTRIBUTES.get(key.keyword)
        if attribute is not None and attribute.level <= query.level and key.keyword not in done:
            found = key_condition(attribute, key, query)
            if found is not None:
                yield attribute.level, found


def _parents(query: Query) -> Iterator[tuple[Level, Condition]]:
    parents = ((Level.STUDY, query.study_instance_uid), (Level.SERIES, query.series_instance_uid))
    for level, uid in parents:
        if uid is None:
            continue
        if not is_valid_uid(uid):
            raise InvalidRequestError(f"{uid[:64]!r} is not a UID.")
        column = f"{TABLES[level]}.{UID_COLUMNS[level]}"
        yield level, Condition(f"{column} = %s", (uid,), is_exact=True)


def _shown(query: Query) -> Iterator[tuple[Level, Condition]]:
    """Leave out what is withheld, unless it is asked for or named."""
    if query.is_withheld_included or query.level is Level.PATIENT:
        return
    named = {key.keyword for key in query.keys if any(key.values)}
    if query.level is Level.STUDY:
        if "StudyInstanceUID" not in named:
            yield Level.STUDY, _not_withheld(Level.STUDY)
        return
    if query.level is Level.INSTANCE and "SOPInstanceUID" not in named:
        # Those that a note rejected.
        yield Level.INSTANCE, _not_withheld(Level.INSTANCE)
    if query.series_instance_uid is None and not named & {"SeriesInstanceUID", "SOPInstanceUID"}:
        yield Level.SERIES, _not_withheld(Level.SERIES)


def _not_withheld(level: Level) -> Condition:
    return Condition(f"{TABLES[level]}.withheld = ''", (), is_exact=True)


def _order(query: Query) -> tuple[list[Level], str]:
    """Return the order of the answers and the levels it looks at; no two rows are equal in it."""
    levels, parts = [], []
    for keyword, is_descending in query.order:
        attribute = ATTRIBUTES.get(keyword)
        if attribute is None or attribute.level > query.level or not attribute.column:
            raise InvalidRequestError(f"orderby can't take {keyword[:64]!r} at this level.")
        column = f'{attribute.table}."{attribute.search_column or attribute.column}"'
        parts.append(f"{column} {'DESC' if is_descending else 'ASC'} NULLS LAST")
        levels.append(attribute.level)
    return levels, ", ".join([*parts, _default_order(query)])


def _default_order(query: Query) -> str:
    if query.level <= Level.STUDY or query.series_instance_uid is not None:
        return _ORDERS[query.level]
    if query.study_instance_uid is None:
        return f"{TABLES[query.level]}.id DESC"
    if query.level is Level.SERIES:
        return _ORDERS[Level.SERIES]
    return f"archive_instance.series_id, {_ORDERS[Level.INSTANCE]}"


def returned_attributes(query: Query) -> tuple[Attribute, ...]:
    """List the attributes of an answer, in the order of their tags.

    Own level and, in a search across all parents, the parents' levels; every key that was
    matched; what was asked for besides; the UIDs always.

    Parameters
    ----------
    query
        what is asked
    """
    names = {key.keyword for key in query.keys} | query.include
    asked = {name.partition(".")[0] for name in names}
    return _returned(
        query.level,
        frozenset(asked & ATTRIBUTES.keys()),
        _unasked_levels(query),
        is_everything=query.is_everything_included,
    )


@lru_cache(maxsize=2048)
def _returned(
    level: Level, asked: frozenset[str], unasked: frozenset[Level], *, is_everything: bool
) -> tuple[Attribute, ...]:
    found = [
        attribute
        for attribute in ATTRIBUTES.values()
        if "." not in attribute.keyword
        and attribute.level <= level
        and (
            is_everything
            or attribute.keyword in asked
            or attribute.column in _UIDS
            or (attribute.returned is not Returned.ON_REQUEST and attribute.level in unasked)
        )
    ]
    return tuple(sorted(found, key=lambda attribute: attribute.tag))


def _unasked_levels(query: Query) -> frozenset[Level]:
    """Levels whose attributes come unasked: a parent named in the query is known to the asker."""
    levels = {query.level}
    if query.level is Level.STUDY:
        levels.add(Level.PATIENT)
    if query.level >= Level.SERIES and query.study_instance_uid is None:
        levels |= {Level.PATIENT, Level.STUDY}
    if query.level is Level.INSTANCE and query.series_instance_uid is None:
        levels.add(Level.SERIES)
    return frozenset(levels)
