"""Taking away what processes that died have left behind."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sweep_folder(folder: Path, older_than_s: float) -> int:
    """Remove files that nobody has written to for so long; return how many.

    Parameters
    ----------
    folder
        whose files have names that are used once
    older_than_s
        seconds; long enough that no slow upload is cut
    """
    limit = time.time() - older_than_s
    removed = 0
    for place in folder.iterdir():
        with suppress(FileNotFoundError):
            if place.stat().st_mtime < limit:
                place.unlink()
                removed += 1
    return removed
