"""Members of a ZIP, streamed one after another; no entry's name ever becomes a path."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from archive.errors import ArchiveError, InvalidInstanceError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 256 * 1024
# A central directory of more than this is no archive of images, whatever its count says.
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
# Blank slices and segmentations compress a thousandfold: the ratio counts past this much only.
RATIO_FREE_BYTES = 256 * 1024 * 1024
# What operating systems leave in folders, and the index of a medium: none of it is an image.
_DROPPINGS = frozenset({".ds_store", "thumbs.db", "desktop.ini", "dicomdir"})
# What IHE Portable Data for Imaging puts beside the index, for people without a viewer.
_FOR_PEOPLE = frozenset({"README.TXT", "INDEX.HTM"})
_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_END_BYTES = 22
_MAX_COMMENT_BYTES = 65535
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_IS_ENCRYPTED = 0x1 | 0x40
_UNIX = 3
_NAME_LENGTH = 255


@dataclass(frozen=True)
class ArchiveLimits:
    """How much one ZIP may bring; bytes are those produced, not those declared."""

    max_entries: int = 100_000
    max_entry_bytes: int = 4 * 1024**3
    max_total_bytes: int = 32 * 1024**3
    max_ratio: int = 200


@dataclass(frozen=True)
class ZipMember:
    """One entry: its bytes, or why it is refused.

    ``name`` is for showing only. ``chunks`` must be used up before the next member is asked for;
    it raises InvalidInstanceError where the entry is damaged and LimitExceededError past a limit.
    """

    name: str
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    refusal: ArchiveError | None = None


def looks_like_zip(head: bytes) -> bool:
    """Whether a file that begins so is a ZIP.

    Parameters
    ----------
    head
        its first 4 bytes or more
    """
    return head.startswith(_SIGNATURES)


def is_dropping(name: str) -> bool:
    """Whether the name is one that systems and media leave beside images.

    Parameters
    ----------
    name
        name of a file or a ZIP entry, with or without folders
    """
    parts = name.replace("\\", "/").split("/")
    return parts[-1].lower() in _DROPPINGS or "__MACOSX" in parts[:-1]


def is_index(name: str) -> bool:
    """Whether the name is that of a medium's index.

    Parameters
    ----------
    name
        name of a file or a ZIP entry, with or without folders
    """
    return name.replace("\\", "/").split("/")[-1].upper() == "DICOMDIR"


def _media_notes(names: list[str]) -> set[str]:
    """Return the names of what a medium says of itself: it lies beside a DICOMDIR."""
    folders = {name[: -len("DICOMDIR")] for name in names if is_index(name)}
    notes = ((name, name.replace("\\", "/").split("/")[-1]) for name in names)
    return {
        name
        for name, last in notes
        if last.upper() in _FOR_PEOPLE and name[: len(name) - len(last)] in folders
    }


def iter_zip_members(
    file: BinaryIO,
    limits: ArchiveLimits | None = None,
    *,
    keeps_indexes: bool = False,
    produced_bytes: int = 0,
) -> Iterator[ZipMember]:
    """Yield the regular entries of a ZIP, one at a time; ZIPs inside it are not opened.

    Parameters
    ----------
    file
        the whole ZIP, seekable, opened for reading
    limits
        entries, produced bytes an entry and in all, ratio to the ZIP's own size
    keeps_indexes
        whether the DICOMDIR of a medium comes too
    produced_bytes
        what was taken out of it before, which counts as well

    Yields
    ------
    Members in the order of the ZIP. Links, devices, encrypted entries and unknown compression
    methods come with a ``refusal`` each; folders and droppings don't come at all.

    Raises
    ------
    InvalidInstanceError
        ``archive-damaged``: this is no ZIP that can be read.
    LimitExceededError
        Too many entries, too many bytes in all, or a bomb; members before it stay good.
    """
    limits = limits or ArchiveLimits()
    size_bytes = _check_directory(file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, struct.error, OSError, NotImplementedError) as error:
        raise _damaged() from error
    with archive:
        entries = archive.infolist()
        if len(entries) > limits.max_entries:
            raise _too_many(limits)
        _check_overlap(entries, size_bytes)
        meter = _Meter(limits, size_bytes, produced_bytes)
        notes = _media_notes([entry.filename for entry in entries])
        for entry in entries:
            is_wanted = keeps_indexes and is_index(entry.filename)
            is_noise = is_dropping(entry.filename) or entry.filename in notes
            if entry.is_dir() or (is_noise and not is_wanted):
                continue
            name = _shown(entry.filename)
            refusal = _refusal(entry)
            if refusal is not None:
                yield ZipMember(name, refusal=refusal)
                continue
            chunks = _entry_chunks(archive, entry, meter)
            yield ZipMember(name, chunks)
            meter.check()


class _Meter:
    """Counts what was produced, and says when it is too much."""

    def __init__(self, limits: ArchiveLimits, size_bytes: int, produced_bytes: int) -> None:
        self.limits = limits
        self.total = produced_bytes
        self._allowed = min(
            limits.max_total_bytes, max(RATIO_FREE_BYTES, size_bytes * limits.max_ratio)
        )

    def count(self, entry_bytes: int, chunk_bytes: int) -> None:
        """Add a chunk of an entry that has this many bytes with it."""
        self.total += chunk_bytes
        self.check()
        if entry_bytes > self.limits.max_entry_bytes:
            message = f"The entry is larger than the limit of {self.limits.max_entry_bytes} bytes."
            raise LimitExceededError(message)

    def check(self) -> None:
        """Raise once the whole archive is past its limit."""
        if self.total > self._allowed:
            message = f"The archive unpacks to more than {self._allowed} bytes."
            raise LimitExceededError(message, code="archive-too-large")


def _entry_chunks(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, meter: _Meter
) -> Iterator[bytes]:
    entry_bytes = 0
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                entry_bytes += len(chunk)
                meter.count(entry_bytes, len(chunk))
                yield chunk
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        message = "The entry is damaged: its bytes can't be unpacked."
        raise InvalidInstanceError(message, code="archive-damaged") from error


def _refusal(entry: zipfile.ZipInfo) -> ArchiveError | None:
    if entry.flag_bits & _IS_ENCRYPTED:
        return InvalidInstanceError("The entry is encrypted.", code="archive-encrypted")
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        return InvalidInstanceError("The entry is a link or a device.", code="archive-link")
    if entry.compress_type not in _METHODS:
        return InvalidInstanceError(
            "The entry is compressed in a way that is not supported (only deflate is).",
            code="archive-method",
        )
    return None


def _check_directory(file: BinaryIO, limits: ArchiveLimits) -> int:
    """Bound the central directory before anything reads it whole; return the ZIP's size."""
    size_bytes = file.seek(0, 2)
    tail_bytes = min(size_bytes, _END_BYTES + _MAX_COMMENT_BYTES + 76)
    file.seek(size_bytes - tail_bytes)
    tail = file.read(tail_bytes)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_BYTES:
        raise _damaged()
    count, directory_bytes = struct.unpack_from("<HL", tail, at + 10)
    locator = tail[at - 20 : at] if at >= 20 else b""
    if locator.startswith(b"PK\x06\x07"):
        file.seek(min(struct.unpack_from("<Q", locator, 8)[0], size_bytes))
        record = file.read(56)
        if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
            raise _damaged()
        # zipfile believes this record, whatever the older one beside it says.
        count, directory_bytes = struct.unpack_from("<QQ", record, 32)
    if count > limits.max_entries:
        raise _too_many(limits)
    if directory_bytes > MAX_DIRECTORY_BYTES:
        message = "The archive's directory is too large."
        raise LimitExceededError(message, code="archive-too-large")
    file.seek(0)
    return size_bytes


def _check_overlap(entries: list[zipfile.ZipInfo], size_bytes: int) -> None:
    """Refuse entries that share bytes: that is how small archives hold petabytes."""
    end = size_bytes
    for entry in sorted(entries, key=lambda entry: entry.header_offset, reverse=True):
        if entry.header_offset + 30 + entry.compress_size > end:
            raise _damaged()
        end = entry.header_offset


def _shown(name: str) -> str:
    printable = "".join(char if char.isprintable() else "�" for char in name)
    return printable[-_NAME_LENGTH:]


def _damaged() -> InvalidInstanceError:
    message = "The file is not a ZIP archive that can be read."
    return InvalidInstanceError(message, code="archive-damaged")


def _too_many(limits: ArchiveLimits) -> LimitExceededError:
    message = f"The archive has more than {limits.max_entries} entries."
    return LimitExceededError(message, code="archive-too-large")
