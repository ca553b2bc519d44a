"""DICOM's wildcards in SQL's spelling."""

from __future__ import annotations

import re

_STARS = re.compile(r"\*+")


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
