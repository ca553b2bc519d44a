"""Dates, times and moments as texts that compare like what they say."""

import datetime
import re

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}(?:\d{2}(?:\d{2}(?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?)?)?)([+-]\d{4})?", re.ASCII
)
_DATE_DIGITS, _TIME_DIGITS = 8, 12
_MOMENT_DIGITS = _DATE_DIGITS + _TIME_DIGITS

Span = tuple[str, str]


def date_span(text: str) -> Span:
    """Read a DA value as the first and last text that it stands for.

    Parameters
    ----------
    text : ``YYYYMMDD``, or the retired ``YYYY.MM.DD``

    Raises
    ------
    ValueError
        It is no date.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        message = "A date is YYYYMMDD."
        raise ValueError(message)
    datetime.date(*(int(part) for part in found.groups()))
    digits = "".join(found.groups())
    return digits, digits


def time_span(text: str) -> Span:
    """Read a TM value as the span that its precision leaves open.

    Parameters
    ----------
    text : ``HH``, ``HHMM``, ``HHMMSS`` or ``HHMMSS.F``, also with colons

    Returns
    -------
    Two texts of twelve digits; ``1030`` gives 103000000000 and 103099999999.

    Raises
    ------
    ValueError
        It is no time.
    """
    found = _TIME.fullmatch(text)
    if found is None or not _is_time(found.group(1), found.group(2), found.group(3)):
        message = "A time is HHMMSS."
        raise ValueError(message)
    digits = "".join(part or "" for part in found.groups())
    return digits.ljust(_TIME_DIGITS, "0"), digits.ljust(_TIME_DIGITS, "9")


def moment_span(text: str) -> Span:
    """Read a DT value as the span that its precision leaves open, in UTC where it has an offset.

    Parameters
    ----------
    text : ``YYYYMMDDHHMMSS.FFFFFF&ZZXX``, from the right as much left out as wanted

    Returns
    -------
    Two texts of twenty digits.

    Raises
    ------
    ValueError
        It is no moment.

    References
    ----------
    DICOM PS3.5 section 6.2, VR DT
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        message = "A moment is YYYYMMDDHHMMSS.FFFFFF&ZZXX."
        raise ValueError(message)
    digits, offset = found.group(1).replace(".", ""), found.group(2)
    _check_moment(digits)
    if offset and (int(offset[1:3]) > 14 or int(offset[3:]) > 59):
        message = "An offset from UTC is at most 14 hours."
        raise ValueError(message)
    if offset and len(digits) >= 10:
        digits = _in_utc(digits, offset)
    return digits.ljust(_MOMENT_DIGITS, "0"), digits.ljust(_MOMENT_DIGITS, "9")


def _is_time(hour: str, minute: str | None, second: str | None) -> bool:
    # 60 is a leap second.
    return int(hour) < 24 and int(minute or 0) < 60 and int(second or 0) <= 60


def _check_moment(digits: str) -> None:
    month, day = digits[4:6] or "01", digits[6:8] or "01"
    datetime.date(int(digits[:4]), int(month), int(day))
    hour, minute, second = digits[8:10] or "00", digits[10:12], digits[12:14]
    if not _is_time(hour, minute or None, second or None):
        message = "A moment has hours to 23, minutes and seconds to 59."
        raise ValueError(message)


def _in_utc(digits: str, offset: str) -> str:
    """Shift the digits, of which there are as many afterwards."""
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    shift = datetime.timedelta(minutes=minutes if offset[0] == "+" else -minutes)
    whole = digits[:12].ljust(12, "0")
    moment = datetime.datetime.strptime(whole, "%Y%m%d%H%M").replace(tzinfo=datetime.UTC)
    try:
        moment -= shift
    except OverflowError:
        return digits
    shifted = moment.strftime("%Y%m%d%H%M").rjust(12, "0") + digits[12:]
    # Where only the hour is known, the offset's minutes can't be kept.
    return shifted[: len(digits)]
