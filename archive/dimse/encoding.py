"""Answers whose elements are texts that are written already, put one behind the other.

A C-FIND may have hundreds of answers. `archive.query.find` makes them of the bytes of their
values, which pydicom's writer would look at one by one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pydicom.dataelem import RawDataElement

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CHARACTER_SET = 0x00080005
# Text whose length is written in two bytes in Explicit VR (PS3.5 7.1.2).
_TEXTS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"}
)
_MAX_BYTES = 0xFFFE


def texts_as_written(ds: Dataset, *, is_implicit: bool) -> bytes | None:
    """Write a data set in Little Endian.

    Parameters
    ----------
    ds
        what is sent
    is_implicit
        as Implicit VR, else as Explicit VR

    Returns
    -------
    the bytes, or None where one of the elements is something else than a text's bytes
    """
    elements = ds._dict  # noqa: SLF001 as its writer does
    parts: list[bytes] = []
    for tag in sorted(elements):
        found = _text(elements[tag])
        if found is None:
            return None
        vr, value = found
        if is_implicit:
            parts.append(struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)))
        else:
            parts.append(
                struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode("ascii"), len(value))
            )
        parts.append(value)
    return b"".join(parts)


def _text(element: Any) -> tuple[str, bytes] | None:
    """Return VR and bytes, where they are known without looking into the value."""
    vr, value = element.VR, element.value
    if not isinstance(element, RawDataElement):
        # pydicom itself keeps the character set ready.
        if element.tag != _CHARACTER_SET or not isinstance(value, str) or not value.isascii():
            return None
        value = value.encode("ascii")
        value += b" " * (len(value) % 2)
    if vr not in _TEXTS or not isinstance(value, bytes) or len(value) > _MAX_BYTES:
        return None
    return vr, value
