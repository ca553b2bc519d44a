"""Dates and times moved by an offset; what can't be understood is not kept.

A value that says by itself what it was before (a placeholder, the midnight of a date without a
time, seconds that were never given) is not moved or not made finer: it would tell the offset.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?", re.ASCII
)

# What stands for no date and no time: the same for everybody.
NO_DATE, NO_TIME = "19000101", "000000"
# Where clocks that were never set begin. Before these years nobody made images; later ones are
# placeholders, too.
_CLOCK_STARTS = frozenset({(1970, 1, 1), (1980, 1, 1), (1980, 1, 6), (2000, 1, 1)})
_FIRST_YEAR, _LAST_YEAR = 1905, 2098


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
    DA, `NO_DATE` in the place of a placeholder, empty where the value is no date
    """
    moment = _moment(value, time)
    if moment is None:
        return ""
    return NO_DATE if _is_placeholder(moment) else _written(_moved(moment, offset))


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
    TM as precise as it was given; midnight stays, and a placeholder's time is `NO_TIME`; empty
    where the value is no time
    """
    found = _TIME.fullmatch(value.strip())
    dated = _moment(date, value)
    moment = dated or _moment("20000102", value)
    if moment is None or found is None:
        return ""
    if dated is not None and _is_placeholder(dated):
        return NO_TIME
    moved = moment if _is_midnight(moment) else _moved(moment, offset)
    return _clock(moved, found.groups())


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
    DT as precise as it was given, `NO_DATE` and `NO_TIME` in the place of a placeholder, empty
    where the value is none
    """
    found = _DATETIME.fullmatch(value.strip())
    if found is None:
        return ""
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    clock = (hour, minute, second, fraction)
    moment = _moment(
        f"{year}{month}{day}",
        f"{hour or '00'}{minute or '00'}{second or '00'}.{fraction or '0'}",
    )
    if moment is None:
        return ""
    if _is_placeholder(moment):
        return NO_DATE + NO_TIME
    moved = _moved(moment, offset)
    shown = moment if _is_midnight(moment) else moved
    return f"{_written(moved)}{_clock(shown, clock)}{zone or ''}"


def _is_placeholder(moment: datetime) -> bool:
    day = (moment.year, moment.month, moment.day)
    return day in _CLOCK_STARTS or not _FIRST_YEAR <= moment.year <= _LAST_YEAR


def _is_midnight(moment: datetime) -> bool:
    return not (moment.hour or moment.minute or moment.second or moment.microsecond)


def _clock(moment: datetime, given: Sequence[str | None]) -> str:
    """Write the time of day, of hour, minute, second and fraction those that were given."""
    hour, minute, second, fraction = given
    parts = ((hour, "%H"), (minute, "%M"), (second, "%S"), (fraction, ".%f"))
    return moment.strftime("".join(shape for part, shape in parts if part))


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
