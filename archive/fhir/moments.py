"""Dates and times as FHIR's searches and resources write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from archive.errors import InvalidRequestError
from archive.query.criteria.types import Moment

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})"
    r"(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_OFFSET = re.compile(r"[+-](\d{2})(\d{2})", re.ASCII)


def parse_moment(name: str, text: str) -> Moment:
    """Read a value of a date parameter with its prefix.

    Raises
    ------
    InvalidRequestError
        It is no date, or its prefix is unknown.
    """
    prefix = text[:2]
    if prefix.isalpha() and prefix not in PREFIXES:
        raise InvalidRequestError(f"{name} takes the prefixes {', '.join(PREFIXES)}.")
    value = text[2:] if prefix in PREFIXES else text
    # A plus that was not escaped arrives as a space.
    found = _MOMENT.fullmatch(value.replace(" ", "+"))
    try:
        low, high = _span(found)
    except (ValueError, OverflowError) as error:
        message = f"{text[:40]!r} is no date or time ({name}), such as 2026-11-22 or ge2026-11."
        raise InvalidRequestError(message) from error
    zone = found[8] if found else None
    is_day = found is not None and found[4] is None
    if prefix == "ap":
        low, high = _about(low, high, is_day=is_day)
    return Moment(prefix if prefix in PREFIXES else "eq", low, high, is_day, bool(zone))


def _about(low: datetime, high: datetime, *, is_day: bool) -> tuple[datetime, datetime]:
    """Widen bounds by a tenth of how long it is until now, to whole days where days are told."""
    away = abs(timezone.now() - low) / 10
    first, last = low - min(away, low - _FIRST), high + min(away, _LAST - high)
    if is_day:
        last += timedelta(days=1) - timedelta(microseconds=1)
        first, last = (datetime.combine(one, time(), UTC) for one in (first, last))
    return first, last


def _span(found: re.Match[str] | None) -> tuple[datetime, datetime]:
    """Return what a text stands for as far as it is told; without a zone, in UTC."""
    if found is None:
        raise ValueError
    # Where nothing is told, all begins at the first day, at midnight.
    year, month, day, hour, minute, second = (
        int(told) if told else least
        for told, least in zip(found.groups()[:6], (0, 1, 1, 0, 0, 0), strict=True)
    )
    low = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    low += timedelta(microseconds=int((found[7] or "0").ljust(6, "0")))
    low -= _offset(found[8])
    return low, _end(low, found)


def _end(low: datetime, found: re.Match[str]) -> datetime:
    if found[2] is None:
        return low.replace(year=low.year + 1)
    if found[3] is None:
        return (low + timedelta(days=32)).replace(day=1)
    if found[4] is None:
        return low + timedelta(days=1)
    if found[6] is None:
        return low + timedelta(minutes=1)
    digits = len(found[7] or "")
    return low + timedelta(microseconds=10 ** (6 - digits))


def _offset(zone: str | None) -> timedelta:
    if zone in {None, "Z"}:
        return timedelta()
    hours, minutes = int(str(zone)[1:3]), int(str(zone)[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError
    size = timedelta(hours=hours, minutes=minutes)
    return size if str(zone)[0] == "+" else -size


def instant(moment: datetime) -> str:
    """Write a moment as an instant, to the millisecond, in UTC."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def clock_moment(day: date | None, clock: time | None, offset: str) -> str:
    """Write a day and the time of a clock; a time without its zone hangs in the site's.

    Parameters
    ----------
    day, clock
        as the images say, None where they do not
    offset
        Timezone Offset From UTC (0008,0201), ``+HHMM``, or empty
    """
    if day is None:
        return ""
    if clock is None:
        return day.isoformat()
    told = datetime.combine(day, clock.replace(microsecond=0))
    if found := _OFFSET.fullmatch(offset.strip()):
        return f"{told.isoformat()}{offset.strip()[0]}{found[1]}:{found[2]}"
    return timezone.make_aware(told).isoformat()
