"""Passwords that were stolen elsewhere, by a list on this machine: nothing is asked of anybody."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

# SHA-1 in hexadecimal, and what the list says of it after a colon.
_DIGEST, _LONGEST_LINE = 40, 80


class BreachedPasswordsValidator:
    """Refuse passwords of a list: SHA-1 digests in order, one a line (as Pwned Passwords has them).

    Parameters
    ----------
    path
        of the list; empty: there is none
    """

    def __init__(self, path: str = "") -> None:
        self.path = path

    def validate(self, password: str, user: User | None = None) -> None:
        """Look it up; a list that can't be read keeps nobody from a new password."""
        if not self.path:
            return
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            with Path(self.path).open("rb") as listed:
                is_known = is_listed(listed, digest.encode())
        except OSError as error:
            logger.error("the list of stolen passwords can't be read: %s", error.strerror)  # noqa: TRY400 one line says it
            return
        if is_known:
            raise ValidationError(
                _("This password was stolen elsewhere and stands in lists. Choose another."),
                code="password_breached",
            )

    def get_help_text(self) -> str:
        """Say what is wanted."""
        return _("It should be in no list of stolen passwords.")


def is_listed(listed: BinaryIO, digest: bytes) -> bool:
    """Whether a digest stands in a sorted list, looked up by halves: some forty reads of a line."""
    low, high = 0, listed.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        listed.seek(middle)
        if middle:
            listed.readline(_LONGEST_LINE)
        found = listed.readline(_LONGEST_LINE)[:_DIGEST].upper()
        if not found or found > digest:
            high = middle
        elif found < digest:
            low = middle + 1
        else:
            return True
    listed.seek(0)
    return listed.readline(_LONGEST_LINE)[:_DIGEST].upper() == digest
