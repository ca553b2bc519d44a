"""Who tries one bad token after another is told to wait; a good token is never kept waiting."""

from __future__ import annotations

import hashlib

from archive.access.attempts import attempts, count_attempt, is_first

WINDOW_S = 60
LIMIT = 20


def count_refused(address: str, secret: str) -> tuple[bool, int]:
    """Count one more bad token of an address, whichever process is asked.

    A program that goes on showing one token that has ended is no attack, and is told so each time.

    Returns
    -------
    whether it is new and still counted, and how many different ones there were within the window
    """
    key = f"bad-tokens:{address}"
    tries = attempts(key)
    digest = hashlib.sha256(secret.encode(errors="replace")).hexdigest()
    if tries > LIMIT or not is_first(f"bad-token:{address}:{digest}", window_s=WINDOW_S):
        return False, tries
    return True, count_attempt(key, window_s=WINDOW_S)
