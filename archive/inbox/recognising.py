"""What a file is, told by its first bytes: never by its name."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from archive.inbox import types
from archive.ingest.archives import looks_like_zip

if TYPE_CHECKING:
    from pathlib import Path

_HEAD_BYTES = 1024
_STARTS = {
    b"\x89PNG\r\n\x1a\n": types.PICTURE,
    b"\xff\xd8\xff": types.PICTURE,
    b"II*\0": types.PICTURE,
    b"MM\0*": types.PICTURE,
    b"II+\0": types.PICTURE,
    b"MM\0+": types.PICTURE,
    b"%PDF-": types.PDF,
}
_NIFTI = {b"n+1\0", b"n+2\0"}
# Media Storage Directory Storage, as explicit little endian file meta names it.
_DIRECTORY = b"\x02\0\x02\0UI"
_DIRECTORY_UID = b"1.2.840.10008.1.3.10"


def kind_of(path: Path) -> str:
    """Return what a file is.

    Parameters
    ----------
    path
        a file of the inbox

    Returns
    -------
    one of the kinds of `archive.inbox.types`; ``other`` is tried as DICOM, and refused with the
    reason that ingest finds
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head[128:132] == b"DICM":
        return types.DICOMDIR if _is_directory(head) else types.DICOM
    if looks_like_zip(head):
        return types.ZIP
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if head[4:8] == b"ftyp":
        return types.VIDEO
    if _is_nifti(_inflated(head)):
        return types.NIFTI
    return types.OTHER


def _is_directory(head: bytes) -> bool:
    at = head.find(_DIRECTORY, 132)
    return at >= 0 and head[at + 8 : at + 8 + len(_DIRECTORY_UID)] == _DIRECTORY_UID


def _inflated(head: bytes) -> bytes:
    """Return the beginning of what a gzip file holds; other files as they are."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 2 * _HEAD_BYTES)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in _NIFTI or head[4:8] in _NIFTI
