"""Dates and times moved by an offset; what can't be understood is not kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?", re.ASCII
)


def shift_date(value: str, time: str, offset: timedelta) -> str:
    """Move a date, with the time of day that belongs to it.

    Parameters
    ----------
    value
        DA
    time
        TM of the same moment; empty where there is none
    offset
        added

    Returns
    -------
    DA, empty where the value is no date
    """
    moment = _moment(value, time)
    return "" if moment is None else _written(_moved(moment, offset))


def shift_time(value: str, date: str, offset: timedelta) -> str:
    """Move a time of day; times without a date go round the clock.

    Parameters
    ----------
    value
        TM
    date
        DA of the same moment; empty where there is none
    offset
        added

    Returns
    -------
    TM to the second, or to the microsecond where it was given; empty where the value is no time
    """
    moment = _moment(date, value) or _moment("20000101", value)
    if moment is None or _TIME.fullmatch(value.strip()) is None:
        return ""
    shape = "%H%M%S.%f" if "." in value else "%H%M%S"
    return _moved(moment, offset).strftime(shape)


def shift_datetime(value: str, offset: timedelta) -> str:
    """Move a date and time; an offset from UTC stays as it was.

    Parameters
    ----------
    value
        DT; without month or day it is too coarse to be moved
    offset
        added

    Returns
    -------
    DT, empty where the value is none
    """
    found = _DATETIME.fullmatch(value.strip())
    if found is None:
        return ""
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    moment = _moment(
        f"{year}{month}{day}",
        f"{hour or '00'}{minute or '00'}{second or '00'}.{fraction or '0'}",
    )
    if moment is None:
        return ""
    moved = _moved(moment, offset)
    clock = moved.strftime("%H%M%S.%f" if fraction else "%H%M%S")
    return f"{_written(moved)}{clock}{zone or ''}"


def _moment(date: str, time: str) -> datetime | None:
    day = _DATE.fullmatch(date.strip())
    clock = _TIME.fullmatch(time.strip())
    if day is None:
        return None
    hour, minute, second, fraction = clock.groups() if clock else ("0", "0", "0", "0")
    try:
        return datetime(
            int(day[1]),
            int(day[2]),
            int(day[3]),
            int(hour),
            int(minute or 0),
            # DICOM allows a leap second, Python's clock has none.
            min(int(second or 0), 59),
            int((fraction or "0").ljust(6, "0")),
            tzinfo=UTC,
        )
    except ValueError:
        return None


def _written(moment: datetime) -> str:
    # %Y has fewer than four digits in the first thousand years.
    return f"{moment.year:04d}{moment:%m%d}"


def _moved(moment: datetime, offset: timedelta) -> datetime:
    try:
        return moment + offset
    except OverflowError:
        return datetime(1, 1, 1, tzinfo=UTC)
