from __future__ import annotations

import pytest

from archive.retrieve.datasets import open_instance
from archive.retrieve.native_frames import find_frames, native_frames
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


def place_of(instance):
    with open_instance(instance) as file:
        return find_frames(instance, file)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
@pytest.mark.parametrize("is_padded", [False, True])
def test_frames_are_read_from_their_place(project, syntax, is_padded):
    ds = make_dataset(transfer_syntax=syntax, NumberOfFrames=3)
    if is_padded:
        ds.add_new(0xFFFCFFFC, "OB", bytes(40))
    (stored,) = store_datasets(ds, project=project)
    size = len(ds.PixelData) // 3

    assert place_of(stored) is not None
    assert list(native_frames(stored, [3, 1])) == [ds.PixelData[2 * size :], ds.PixelData[:size]]


def test_other_files_are_left_to_their_header(project):
    behind = make_dataset()
    behind.add_new(0xFFFAFFFA, "SQ", [])
    single = make_dataset(Rows=8, Columns=8, BitsAllocated=1, BitsStored=1, HighBit=0)
    single.PixelData = bytes(8)
    without = make_dataset()
    del without.PixelData
    for stored in store_datasets(behind, single, without, project=project):
        assert place_of(stored) is None
        if stored.has_pixel_data:
            assert native_frames(stored, [1]) is None


def test_a_length_that_does_not_fit_the_shape_is_not_believed(project):
    ds = make_dataset()
    ds.PixelData += bytes(2)
    (stored,) = store_datasets(ds, project=project)

    assert place_of(stored) is None
