"""Parts of a representation by bytes (RFC 9110 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


class UnsatisfiableRangeError(Exception):
    """The range begins behind the end."""


def requested_range(request: HttpRequest, size_bytes: int, etag: str) -> tuple[int, int] | None:
    """Read the one range that is asked for.

    Parameters
    ----------
    request
        its Range and If-Range count
    size_bytes
        of the whole
    etag
        of the whole, in quotes

    Returns
    -------
    first byte and the one behind the last; None for the whole, as for what is no single range

    Raises
    ------
    UnsatisfiableRangeError
        Nothing of the whole is in the range.
    """
    found = _ONE_RANGE.fullmatch(request.META.get("HTTP_RANGE", ""))
    condition = request.META.get("HTTP_IF_RANGE")
    if found is None or not any(found.groups()) or (condition and condition.strip() != etag):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size_bytes)
        start, stop = size_bytes - length, size_bytes
    else:
        start = int(first)
        stop = min(int(last) + 1 if last else size_bytes, size_bytes)
        if last and int(last) < start:
            return None
    if start >= stop:
        raise UnsatisfiableRangeError
    return start, stop
