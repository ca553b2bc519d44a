"""Who takes bytes away, and who is about to need them, one after the other."""

from __future__ import annotations

from archive.models.turns import take_turn

_BYTES = 0


def lock_bytes(sha256: str) -> None:
    """Hold the bytes of a digest until the end of the transaction that is open.

    Parameters
    ----------
    sha256
        of a blob, with a row or without
    """
    take_turn(_BYTES, sha256)
