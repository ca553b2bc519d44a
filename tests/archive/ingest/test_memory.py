"""What a store takes of memory does not grow with what is stored."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from archive.ingest.deliveries import Delivery
from archive.ingest.types import Origin, Outcome
from archive.models import Instance
from tests.builders.datasets import as_part10, make_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

MB = 1024 * 1024
SIZE = 300 * MB
ALLOWED = 48 * MB


def large_instance(size: int) -> Iterator[bytes]:
    """An instance of one frame, piece by piece."""
    ds = make_dataset(
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.1",
        SOPInstanceUID="1.2.3.1.1",
        Rows=10,
        Columns=10,
    )
    ds.NumberOfFrames = size // 200
    if "PixelData" in ds:
        del ds.PixelData
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    yield as_part10(ds)
    yield struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, size // 200 * 200)
    left = size // 200 * 200
    while left:
        piece = min(left, 256 * 1024)
        yield bytes(piece)
        left -= piece


def peak_bytes() -> int:
    """Most memory this process had since its peak was reset, mapped files included."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_instance_of_300_mb_is_stored_in_constant_memory() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = peak_bytes()

    with Delivery(Origin(door="test"), is_unpacking=False) as delivery:
        delivery.take("large", large_instance(SIZE))
        (result,) = delivery.finish()

    assert result.outcome is Outcome.STORED, result.error
    assert Instance.objects.get().blob.size_bytes > SIZE - MB
    assert peak_bytes() - before < ALLOWED
