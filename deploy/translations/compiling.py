"""Catalogues as programs read them; needs nothing of Django, so that a build can do it."""

from __future__ import annotations

import os
from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parents[1] / "locale"


def catalogues(locale: Path = LOCALE) -> list[Path]:
    """Return the catalogues that people write, in a fixed order."""
    return sorted(locale.glob("*/LC_MESSAGES/*.po"))


def compile_catalogues(locale: Path = LOCALE, *, only_stale: bool = True) -> list[Path]:
    """Write the compiled form of each catalogue beside it.

    Parameters
    ----------
    locale : the folder of the languages
    only_stale : leave out those that are newer than what they were made of

    Returns
    -------
    What was written. A folder that can't be written to is left as it is: pages speak English.
    """
    written = []
    for source in catalogues(locale):
        compiled = source.with_suffix(".mo")
        if only_stale and _is_fresh(compiled, source):
            continue
        try:
            _write(compiled, polib.pofile(str(source)).to_binary())
        except PermissionError:
            continue
        written.append(compiled)
    return written


def _is_fresh(compiled: Path, source: Path) -> bool:
    return compiled.is_file() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _write(path: Path, content: bytes) -> None:
    # Whole or not at all: a web process may be reading.
    fresh = path.with_suffix(f".mo.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)
