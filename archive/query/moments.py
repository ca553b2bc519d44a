"""Dates and times against their columns: single values, ranges, and ranges of both as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.query.conditions import Condition, all_of
from archive.query.values import parse_date, parse_time_span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, time

# Each date and the time that goes with it.
MOMENTS = {
    "StudyDate": "StudyTime",
    "SeriesDate": "SeriesTime",
    "PerformedProcedureStepStartDate": "PerformedProcedureStepStartTime",
    "ContentDate": "ContentTime",
}


def date_condition(column: str, value: str) -> Condition:
    """Match a date, or a range of them with both ends in it.

    Parameters
    ----------
    column
        SQL of the column
    value
        ``YYYYMMDD``, ``first-last``, ``first-`` or ``-last``

    Raises
    ------
    InvalidRequestError
        It is none of these.

    References
    ----------
    DICOM PS3.4 section C.2.2.2.5
    """
    first, is_range, last = value.partition("-")
    if not is_range:
        return Condition(f"{column} = %s", (parse_date(first),), is_exact=True)
    return _between(
        column, parse_date(first) if first else None, parse_date(last) if last else None
    )


def time_condition(column: str, value: str) -> Condition:
    """Match a time of day with the precision it is given in, or a range with both ends in it.

    Parameters
    ----------
    column
        SQL of the column
    value
        ``HHMMSS.FFFFFF`` from ``HH`` on, ``first-last``, ``first-`` or ``-last``

    Raises
    ------
    InvalidRequestError
        It is none of these.
    """
    first, is_range, last = value.partition("-")
    low = parse_time_span(first)[0] if first or not is_range else None
    high = parse_time_span(last if is_range else first)[1] if last or not is_range else None
    return _between(column, low, high)


def _between(column: str, low: date | time | None, high: date | time | None) -> Condition:
    bounds = [
        Condition(f"{column} {sign} %s", (bound,))
        for sign, bound in ((">=", low), ("<=", high))
        if bound is not None
    ]
    return all_of(bounds) if bounds else Condition(f"{column} IS NOT NULL")


def combined_keywords(values: Mapping[str, list[str]]) -> dict[str, str]:
    """Say which dates and times are ranges that hold as one, from one moment to another.

    Parameters
    ----------
    values
        of each key, by keyword

    Returns
    -------
    dates, each with its time: both are one range, open at the same ends
    """
    return {
        date_keyword: time_keyword
        for date_keyword, time_keyword in MOMENTS.items()
        if _open_ends(values.get(date_keyword)) == _open_ends(values.get(time_keyword)) is not None
    }


def _open_ends(values: list[str] | None) -> tuple[bool, bool] | None:
    if values is None or len(values) != 1 or "-" not in values[0]:
        return None
    first, _, last = values[0].partition("-")
    return not first, not last


def moment_condition(
    date_column: str, time_column: str, date_value: str, time_value: str
) -> Condition:
    """Match what lies between two moments; on their days the time must be known.

    Parameters
    ----------
    date_column, time_column
        SQL of the columns
    date_value, time_value
        ranges, open at the same ends

    Raises
    ------
    InvalidRequestError
        One is no range of its kind.

    References
    ----------
    DICOM PS3.4 section C.2.2.2.5, combined datetime matching
    """
    conditions = [date_condition(date_column, date_value)]
    first_day, _, last_day = date_value.partition("-")
    first_time, _, last_time = time_value.partition("-")
    if first_day:
        low = (parse_date(first_day), parse_time_span(first_time)[0])
        conditions.append(
            Condition(f"({date_column} > %s OR {time_column} >= %s)", low),
        )
    if last_day:
        high = (parse_date(last_day), parse_time_span(last_time)[1])
        conditions.append(
            Condition(f"({date_column} < %s OR {time_column} <= %s)", high),
        )
    return all_of(conditions)
