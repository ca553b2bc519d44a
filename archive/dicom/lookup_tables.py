"""Lookup tables of the standard: modality, VOI and palette."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from archive.errors import PixelDecodingError

Samples = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class LookupTable:
    """Entries for the stored values from ``first`` on; values outside take the nearest end."""

    first: int
    entries: npt.NDArray[np.float32]
    bits: int

    def apply(self, values: Samples) -> npt.NDArray[np.float32]:
        """Map values (any shape) to table entries (float32, same shape)."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        mapped: npt.NDArray[np.float32] = self.entries[index.astype(np.int64)]
        return mapped


def read_lookup_table(item: Dataset, *, is_signed: bool, is_little: bool) -> LookupTable | None:
    """Read an item of Modality LUT Sequence or VOI LUT Sequence.

    Parameters
    ----------
    item : the sequence item
    is_signed : whether the values that enter the table are signed
    is_little : byte order of entries kept as bytes

    Returns
    -------
    The table, or None if descriptor or data are missing or unusable. Where the stated depth is
    more than the entries ever use, the depth that they use counts: writers state 16 for 12.

    References
    ----------
    DICOM PS3.3 C.11.1 and C.11.2
    """
    descriptor = _integers(item.get("LUTDescriptor"), is_little=is_little)
    if len(descriptor) != 3:
        return None
    count, first, bits = descriptor
    entries = _entries(item.get("LUTData"), count or 65536, bits, is_little=is_little)
    if entries.size == 0:
        return None
    if is_signed and first >= 0x8000:
        first -= 0x10000
    top = int(entries.max())
    used = top.bit_length()
    bits = used if used > bits or used < bits - 2 else bits
    return LookupTable(first, entries.astype(np.float32), max(bits, 1))


def apply_palette(indices: Samples, ds: Dataset, *, is_little: bool) -> npt.NDArray[np.uint8]:
    """Colour palette indices.

    Parameters
    ----------
    indices : (rows, columns) stored values
    ds : data set with the palette of Red, Green and Blue, plain or segmented
    is_little : byte order of its tables

    Returns
    -------
    (rows, columns, 3) uint8

    Raises
    ------
    PixelDecodingError
        The palette is missing or unusable.

    References
    ----------
    DICOM PS3.3 C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9.2
    """
    channels = [
        _palette_channel(ds, name, is_little=is_little) for name in ("Red", "Green", "Blue")
    ]
    deepest = max(int(table.max()) for _, table in channels)
    planes = []
    for first, table in channels:
        # 16-bit tables whose entries stay below 256 were written by software that meant 8 bits.
        eight = table >> 8 if deepest > 0xFF else table
        index = np.clip(indices.astype(np.int64) - first, 0, len(eight) - 1)
        planes.append(eight.astype(np.uint8)[index])
    return np.stack(planes, axis=-1)


def _palette_channel(
    ds: Dataset, name: str, *, is_little: bool
) -> tuple[int, npt.NDArray[np.int64]]:
    keyword = f"{name}PaletteColorLookupTable"
    descriptor = _integers(ds.get(f"{keyword}Descriptor"), is_little=is_little)
    if len(descriptor) != 3:
        raise PixelDecodingError("The palette of the image is missing.")
    count, first, bits = descriptor
    count = count or 65536
    if f"{keyword}Data" in ds:
        table = _entries(ds.get(f"{keyword}Data"), count, bits, is_little=is_little)
    else:
        data = ds.get(f"Segmented{keyword}Data")
        segments = _words(data, bits, is_little=is_little)
        table = np.array(_expand_segments(segments, count), np.int64)
    if table.size == 0:
        raise PixelDecodingError("The palette of the image is empty.")
    if ds.get("PixelRepresentation") == 1 and first >= 0x8000:
        first -= 0x10000
    return first, table


def _entries(data: Any, count: int, bits: int, *, is_little: bool) -> npt.NDArray[np.int64]:
    if isinstance(data, bytes) and len(data) >= 2 * count:
        bits = 16
    elif isinstance(data, bytes) and len(data) in {count, count + 1}:
        bits = 8
    return np.array(_words(data, bits, is_little=is_little)[:count], np.int64)


def _words(data: Any, bits: int, *, is_little: bool) -> list[int]:
    """Return table data as unsigned numbers, from bytes (OW) or decoded values (US, SS)."""
    if isinstance(data, bytes):
        if bits <= 8:
            return list(data)
        order = "<" if is_little else ">"
        words: list[int] = np.frombuffer(data[: len(data) // 2 * 2], f"{order}u2").tolist()
        return words
    return [value & 0xFFFF for value in _integers(data, is_little=is_little)]


def _integers(value: Any, *, is_little: bool) -> list[int]:
    if isinstance(value, bytes):
        order = "<" if is_little else ">"
        return [int(n) for n in np.frombuffer(value[: len(value) // 2 * 2], f"{order}u2")]
    if isinstance(value, MultiValue | list | tuple):
        return [int(n) for n in value]
    return [] if value is None or value == "" else [int(value)]


def _expand_segments(words: list[int], limit: int) -> list[int]:
    """Expand a segmented palette: discrete, linear and indirect segments (PS3.3 C.7.9.2)."""
    table: list[int] = []
    position = 0
    budget = 65536
    pending: list[tuple[int, int]] = []  # where to go on after an indirect segment, and how many
    while len(table) < limit and budget > 0:
        budget -= 1
        if pending and pending[-1][1] == 0:
            position = pending.pop()[0]
            continue
        if position + 1 >= len(words):
            break
        opcode, length = words[position : position + 2]
        if pending:
            pending[-1] = (pending[-1][0], pending[-1][1] - 1)
        if opcode == 0:
            table += words[position + 2 : position + 2 + length]
            position += 2 + length
        elif opcode == 1 and table and position + 2 < len(words):
            table += _line(table[-1], words[position + 2], length)
            position += 3
        elif opcode == 2 and not pending and position + 3 < len(words):
            pending.append((position + 4, length))
            position = words[position + 2] | words[position + 3] << 16
        else:
            raise PixelDecodingError("The segmented palette can't be expanded.")
    return table[:limit]


def _line(start: int, stop: int, length: int) -> list[int]:
    if length <= 0:
        return []
    values = np.rint(np.linspace(start, stop, length + 1)[1:])
    return [int(value) for value in values]
