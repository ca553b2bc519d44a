"""Unique identifiers: the one check that every channel uses."""

import re

MAX_UID_LENGTH = 64
_UID_PATTERN = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
_PADDING = "\0 "


def is_valid_uid(text: str) -> bool:
    """Say whether a text is a usable DICOM UID.

    Components with leading zeros are let through although PS3.5 9.1 forbids them: scanners in the
    field write them, nothing here derives a path from a UID, and refusing an examination for a
    zero helps nobody.

    Parameters
    ----------
    text : the UID without padding; a trailing NUL, space or newline makes it invalid

    Returns
    -------
    True for 1 to 64 ASCII characters of digits in components separated by single dots.

    References
    ----------
    DICOM PS3.5 section 9.1
    """
    return len(text) <= MAX_UID_LENGTH and _UID_PATTERN.fullmatch(text) is not None


def strip_uid_padding(text: str) -> str:
    """Remove the padding that writers put behind a UID (NUL by the standard, space by habit).

    Parameters
    ----------
    text : the value as decoded from the element

    Returns
    -------
    The text without surrounding spaces and trailing NULs; anything else stays, to be refused.
    """
    return text.rstrip(_PADDING).lstrip(" ")
