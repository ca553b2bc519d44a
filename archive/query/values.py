"""Dates and times from the spelling of DICOM to Python's types."""

from __future__ import annotations

import datetime
import re

from archive.errors import InvalidRequestError

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
