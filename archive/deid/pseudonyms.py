"""Names for what must not be named: the same every time, and of no meaning without the secret."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import timedelta

_SECONDS_A_DAY = 86_400
_DAYS_AT_LEAST, _DAYS_SPAN = 366, 3_650


class Pseudonyms:
    """Keyed names, UIDs and offsets of time; HMAC-SHA256 throughout.

    Parameters
    ----------
    secret
        of 32 bytes, kept outside the database and never in an export; whoever has it can tell
        whether a given UID became a given pseudonym

    References
    ----------
    DICOM PS3.15 E.1.2 (UIDs replaced consistently), PS3.5 B.2 (UIDs out of UUIDs)
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def uid(self, original: str) -> str:
        """Return the UID that stands for another, wherever it appears.

        Parameters
        ----------
        original
            any UID
        """
        digest = self._digest("uid", original.strip("\0 "))
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"

    def code(self, subject: str) -> str:
        """Return a short name for a patient: ten hexadecimal digits.

        Parameters
        ----------
        subject
            what tells the patient from others, as the caller knows it
        """
        return self._digest("subject", subject)[:5].hex().upper()

    def offset(self, subject: str) -> timedelta:
        """Return how far a patient's dates and times are moved: one to eleven years back.

        Parameters
        ----------
        subject
            what tells the patient from others, as the caller knows it
        """
        digest = self._digest("time", subject)
        days = _DAYS_AT_LEAST + int.from_bytes(digest[:8], "big") % _DAYS_SPAN
        seconds = int.from_bytes(digest[8:16], "big") % _SECONDS_A_DAY
        return -timedelta(days=days, seconds=seconds)

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.new(self._secret, f"{purpose}\0{text}".encode(), hashlib.sha256).digest()


def derive_secret(master: str, purpose: str) -> bytes:
    """Derive the secret of one purpose, so that two of them can't be linked.

    Parameters
    ----------
    master
        the site's own secret, outside the database
    purpose
        for example one collection

    Returns
    -------
    32 bytes
    """
    return hmac.new(master.encode(), f"archive.deid\0{purpose}".encode(), hashlib.sha256).digest()
