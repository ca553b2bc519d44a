"""What may hide beside the pixels inside the pixel data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archive.dicom.transfer_syntaxes import is_encapsulated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"})


def strip_hidden_bits(made: Dataset, ds: Dataset) -> None:
    """Cut native pixel data to its size, and clear the bits in which old overlays lie.

    Parameters
    ----------
    made
        the data set to leave; its pixel data is changed
    ds
        the data set as stored, for the overlays and encoding that the other has no more

    References
    ----------
    DICOM PS3.5 8.1.1, PS3.3 C.9.2 (retired: overlays in unused bits of the pixel cells)
    """
    syntax = str(ds.file_meta.get("TransferSyntaxUID", ""))
    if "PixelData" not in made or "Rows" not in made or is_encapsulated(syntax):
        return
    size = _native_bytes(made)
    value = made["PixelData"].value
    if size is not None and len(value) > size + size % 2:
        value = value[:size] + b"\0" * (size % 2)
    allocated, stored = int(made.BitsAllocated), int(made.get("BitsStored") or made.BitsAllocated)
    if _has_overlay_in_pixels(ds) and allocated in {8, 16} and stored < allocated:
        value = _cleared(value, allocated, stored, made, is_little=ds.original_encoding[1])
    made["PixelData"].value = value


def _native_bytes(ds: Dataset) -> int | None:
    if str(ds.get("PhotometricInterpretation", "")) in _SUBSAMPLED:
        return None
    samples = int(ds.Rows) * int(ds.Columns) * int(ds.get("SamplesPerPixel") or 1)
    bits = samples * int(ds.get("NumberOfFrames") or 1) * int(ds.BitsAllocated)
    return (bits + 7) // 8


def _has_overlay_in_pixels(ds: Dataset) -> bool:
    for group in range(0x6000, 0x6020, 2):
        position = ds.get((group, 0x0102))
        has_data = (group, 0x3000) in ds
        if position is not None and (int(position.value or 0) != 0 or not has_data):
            return True
    return False


def _cleared(
    value: bytes, allocated: int, stored: int, ds: Dataset, *, is_little: bool | None
) -> bytes:
    order = ">" if is_little is False else "<"
    whole = len(value) // (allocated // 8) * (allocated // 8)
    samples = np.frombuffer(value[:whole], f"{order}u{allocated // 8}").astype(np.uint32)
    shift = int(ds.get("HighBit") or stored - 1) - stored + 1
    kept = samples & np.uint32(((1 << stored) - 1) << shift)
    if int(ds.get("PixelRepresentation") or 0) == 1 and shift == 0:
        # The sign bit fills what was cleared: readers that ignore Bits Stored see the same.
        sign = (kept >> np.uint32(stored - 1)) & np.uint32(1)
        fill = np.uint32(((1 << allocated) - 1) ^ ((1 << stored) - 1))
        kept = np.where(sign == 1, kept | fill, kept)
    return kept.astype(f"{order}u{allocated // 8}").tobytes() + value[whole:]
