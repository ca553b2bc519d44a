"""Dates and times between the spelling of DICOM and Python's types."""

from __future__ import annotations

import datetime
import re
from typing import Any

from archive.errors import InvalidRequestError
from archive.query.types import Kind

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)


def parse_date(text: str) -> datetime.date:
    """Read a DA value.

    Parameters
    ----------
    text
        ``YYYYMMDD``, or the retired ``YYYY.MM.DD``

    Raises
    ------
    InvalidRequestError
        It is no date.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise InvalidRequestError(f"{text[:32]!r} is not a date (YYYYMMDD).")
    try:
        return datetime.date(*(int(part) for part in found.groups()))
    except ValueError as error:
        raise InvalidRequestError(f"{text[:32]!r} is not a date (YYYYMMDD).") from error


def parse_time_span(text: str) -> tuple[datetime.time, datetime.time]:
    """Read a TM value as the span that its precision leaves open.

    Parameters
    ----------
    text
        ``HH``, ``HHMM``, ``HHMMSS`` or ``HHMMSS.F`` to six places

    Returns
    -------
    first and last time that the value stands for: 10:30:00 to 10:30:59.999999 for ``1030``

    Raises
    ------
    InvalidRequestError
        It is no time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidRequestError(f"{text[:32]!r} is not a time (HHMMSS).")
    hour, minute, second, fraction = found.groups()
    digits = fraction or ""
    # 60 is a leap second, which Python's clock does not have.
    low_second, high_second = min(int(second or 0), 59), min(int(second or 59), 59)
    try:
        low = datetime.time(int(hour), int(minute or 0), low_second, int(digits.ljust(6, "0")))
        high = datetime.time(int(hour), int(minute or 59), high_second, int(digits.ljust(6, "9")))
    except ValueError as error:
        raise InvalidRequestError(f"{text[:32]!r} is not a time (HHMMSS).") from error
    return low, high


def written_values(kind: Kind, value: Any) -> tuple[Any, ...]:
    """Write a column's value as DICOM does.

    Parameters
    ----------
    kind
        the attribute's kind
    value
        what the column holds

    Returns
    -------
    the attribute's values, none where the column is empty
    """
    if value is None or value == "":
        return ()
    if kind is Kind.DATE:
        # isoformat, because strftime does not pad years before 1000.
        return (value.isoformat().replace("-", ""),)
    if kind is Kind.TIME:
        text = value.strftime("%H%M%S")
        return (f"{text}.{value.microsecond:06d}" if value.microsecond else text,)
    if kind is Kind.TEXTS or kind is Kind.REQUEST:
        return tuple(value)
    return (value,)
