"""A bundle as it comes, a folder or a zip, to a folder of plain files."""

from __future__ import annotations

import lzma
import stat
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from inference.bundles.trust import copy_bundle
from inference.errors import BundleInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 16 << 30
_MOST_FILES = 20_000
_CHUNK = 1 << 20
# An unknown packing or a password is `NotImplementedError` or `RuntimeError`.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
_METADATA = "configs/metadata.json"


@contextmanager
def unpacked(source: Path) -> Iterator[Path]:
    """Copy a bundle to a private folder.

    Parameters
    ----------
    source : folder, or zip whose files may lie in one folder together

    Yields
    ------
    the folder that holds ``configs/metadata.json``; it is gone after the ``with`` block

    Raises
    ------
    BundleInvalidError
        It is neither, holds links or names that lead elsewhere, or is too large.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-in-") as folder:
        target = Path(folder) / "bundle"
        target.mkdir()
        if source.is_dir():
            copy_bundle(source, target)
        elif source.is_file() and zipfile.is_zipfile(source):
            _extract(source, target)
        else:
            raise BundleInvalidError(f"{source.name} is neither a folder nor a zip.")
        yield _root_of(target)


def _extract(source: Path, target: Path) -> None:
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_FILES:
                raise BundleInvalidError(f"The zip holds more than {_MOST_FILES} files.")
            for entry in entries:
                if not entry.is_dir():
                    left = _extract_entry(archive, entry, target / _safe_name(entry), left)
    except _DAMAGED as error:
        raise BundleInvalidError("The zip is damaged or can't be read.") from error


def _extract_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    # What the directory says of sizes is the sender's word: bytes are counted as they come.
    with archive.open(entry) as packed, path.open("xb") as plain:
        while chunk := packed.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BundleInvalidError(f"The zip holds more than {MOST_BYTES >> 30} GiB.")
            plain.write(chunk)
    return left


def _safe_name(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename)
    mode = entry.external_attr >> 16
    is_special = stat.S_IFMT(mode) not in {0, stat.S_IFREG}
    leads_away = name.is_absolute() or ".." in name.parts or "\\" in entry.filename
    if is_special or leads_away or ":" in entry.filename:
        raise BundleInvalidError("The zip holds links, or names that lead elsewhere.")
    return name


def _root_of(folder: Path) -> Path:
    if (folder / _METADATA).is_file():
        return folder
    inner = [one for one in folder.iterdir() if (one / _METADATA).is_file()]
    if len(inner) != 1:
        raise BundleInvalidError(f"There is no {_METADATA} in it: this is no MONAI bundle.")
    return inner[0]
