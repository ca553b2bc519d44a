"""What people type, as DICOM writes it: checked before it goes into an object."""

from __future__ import annotations

import datetime
import re

from django.utils.translation import gettext

from archive.dicom.uids import is_valid_uid
from archive.inbox.errors import InvalidFieldError

_CODE = re.compile(r"[A-Z0-9_ ]{1,16}", re.ASCII)
SEXES = frozenset({"", "M", "F", "O"})


def text_of(value: object, field: str, *, limit: int = 64) -> str:
    """Return a line of text; what DICOM can't hold in one is refused (PS3.5 6.2)."""
    text = str(value or "").strip()
    if len(text) > limit:
        raise InvalidFieldError(f"At most {limit} characters.", field=field)
    if "\\" in text or not text.isprintable():
        raise InvalidFieldError(
            gettext("Backslashes and control characters can't stand here."), field=field
        )
    return text


def name_of(value: object, field: str) -> str:
    """Return a person's name as DICOM writes it: family^given^middle^prefix^suffix."""
    text = text_of(value, field, limit=64 * 3 + 2)
    groups = text.split("=")
    if len(groups) > 3 or any(len(group) > 64 or group.count("^") > 4 for group in groups):
        raise InvalidFieldError(
            gettext("A name is written Family^Given^Middle^Prefix^Suffix."), field=field
        )
    return text


def date_of(value: object, field: str) -> str:
    """Return a date as DICOM writes it, from 2024-02-29 or 20240229."""
    text = str(value or "").strip()
    if not text:
        return ""
    digits = text.replace("-", "")
    try:
        found = datetime.datetime.strptime(digits, "%Y%m%d")  # noqa: DTZ007 a day, no moment
    except ValueError as error:
        raise InvalidFieldError(gettext("A date is written 2024-02-29."), field=field) from error
    if found.year < 1800:
        raise InvalidFieldError(gettext("The year can't be so early."), field=field)
    return digits


def code_of(value: object, field: str) -> str:
    """Return a code string (CS): capitals, digits, blanks and underscores."""
    text = str(value or "").strip().upper()
    if text and _CODE.fullmatch(text) is None:
        raise InvalidFieldError(
            gettext("At most 16 capitals, digits, blanks, underscores."), field=field
        )
    return text


def sex_of(value: object, field: str) -> str:
    """Return a sex as DICOM codes it."""
    text = str(value or "").strip().upper()
    if text not in SEXES:
        raise InvalidFieldError(gettext("One of M, F, O, or nothing."), field=field)
    return text


def uid_of(value: object, field: str) -> str:
    """Return a UID."""
    text = str(value or "").strip()
    if text and not is_valid_uid(text):
        raise InvalidFieldError(gettext("This is no UID."), field=field)
    return text
