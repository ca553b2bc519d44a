"""A ZIP that grows study by study, and is whole after each of them whatever happens."""

from __future__ import annotations

import contextlib
import os
import struct
import zipfile
from typing import TYPE_CHECKING

from archive.errors import StorageFullError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRY_DATE = (1980, 1, 1, 0, 0, 0)
# Where the part of a ZIP that is to be written again begins, in front of that part.
_TAIL_HEAD = struct.Struct("<Q")


def has_folder(path: Path, folder: str) -> bool:
    """Whether a ZIP that is whole holds something in a folder."""
    if not path.exists():
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.startswith(f"{folder}/") for name in archive.namelist())


def files_of(path: Path) -> list[str]:
    """Return the names in a ZIP that is whole."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def folders_of(path: Path) -> set[str]:
    """Return the folders that a ZIP that is whole holds something in."""
    return {name.partition("/")[0] for name in files_of(path)}


@contextlib.contextmanager
def grown(path: Path) -> Iterator[zipfile.ZipFile]:
    """Add to a ZIP; all of it, durably, or nothing.

    What was begun and not ended, for whatever reason, is taken back before the next step: a worker
    that lost its lease must not touch what another is writing.

    Parameters
    ----------
    path
        of the ZIP; made where missing

    Raises
    ------
    StorageFullError
        The disk refused.
    """
    take_back(path)
    _note_tail(path)
    try:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            yield archive
        _settle(path)
    except OSError as error:
        take_back(path)
        raise StorageFullError(
            f"The file can't be written: {os.strerror(error.errno or 0)}."
        ) from error


def entry(name: str, size: int = 0) -> zipfile.ZipInfo:
    """Return an entry of a name that is the caller's own, with no time of ours in it."""
    info = zipfile.ZipInfo(name, ENTRY_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.file_size = size
    return info


def take_back(path: Path) -> None:
    """Undo what a worker began and did not end; nothing where all is whole."""
    note = _tail(path)
    try:
        said = note.read_bytes()
    except FileNotFoundError:
        return
    if len(said) < _TAIL_HEAD.size or not path.exists():
        # It died before it touched the ZIP.
        note.unlink()
        return
    (start,) = _TAIL_HEAD.unpack_from(said)
    if not start:
        path.unlink()
    else:
        with path.open("rb+") as file:
            file.truncate(start)
            file.seek(start)
            file.write(said[_TAIL_HEAD.size :])
            file.flush()
            os.fsync(file.fileno())
    note.unlink()


def _tail(path: Path) -> Path:
    return path.with_name(f"{path.name}.tail")


def _note_tail(path: Path) -> None:
    """Keep the end of the ZIP, which adding to it writes over: its table of contents."""
    if path.exists():
        with zipfile.ZipFile(path) as archive:
            start = archive.start_dir
        with path.open("rb") as file:
            file.seek(start)
            end = file.read()
    else:
        start, end = 0, b""
    with _tail(path).open("wb") as note:
        note.write(_TAIL_HEAD.pack(start) + end)
        note.flush()
        os.fsync(note.fileno())


def _settle(path: Path) -> None:
    """Make the ZIP durable, then forget what it was before."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    _tail(path).unlink(missing_ok=True)
