"""SQL that Django's own lookups do not write: LIKE with a pattern of ours."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import BooleanField, F, Func, TextField, Value

_STARS = re.compile(r"\*+")


class Like(Func):
    """``column LIKE pattern``, the pattern being already escaped."""

    template = "%(expressions)s"
    arg_joiner = " LIKE "
    output_field = BooleanField()

    def __init__(self, column: str, pattern: str, **options: Any) -> None:
        super().__init__(F(column), Value(pattern, output_field=TextField()), **options)


class ArrayItemLike(Like):
    """Whether an item of a text array is like the pattern."""

    template = "EXISTS (SELECT 1 FROM unnest(%(expressions)s)"
    arg_joiner = ") AS item WHERE item LIKE "


class RequestedProcedureLike(Like):
    """Whether an item of a JSON list has a Requested Procedure ID like the pattern."""

    template = "EXISTS (SELECT 1 FROM jsonb_array_elements(%(expressions)s)"
    arg_joiner = ") AS item WHERE item ->> 'RequestedProcedureID' LIKE "


class ScheduledStepLike(Like):
    """Whether an item of a JSON list has a Scheduled Procedure Step ID like the pattern."""

    template = "EXISTS (SELECT 1 FROM jsonb_array_elements(%(expressions)s)"
    arg_joiner = ") AS item WHERE item ->> 'ScheduledProcedureStepID' LIKE "


def like_pattern(text: str) -> str:
    r"""Translate DICOM's wildcards into SQL's.

    Parameters
    ----------
    text
        a key's value with ``*`` for any characters and ``?`` for one

    Returns
    -------
    The LIKE pattern; ``%``, ``_`` and the backslash stand for themselves in it.

    References
    ----------
    DICOM PS3.4 C.2.2.2.4
    """
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return _STARS.sub("%", escaped).replace("?", "_")


def has_wildcard(text: str) -> bool:
    """Whether the value asks for wildcard matching.

    Parameters
    ----------
    text
        a key's value
    """
    return "*" in text or "?" in text
