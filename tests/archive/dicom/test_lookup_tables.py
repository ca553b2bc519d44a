import numpy as np
import pytest
from pydicom.dataset import Dataset

from archive.dicom.lookup_tables import apply_palette, read_lookup_table
from archive.errors import PixelDecodingError


def table_item(descriptor, data, vr="US"):
    item = Dataset()
    item.add_new(0x00283002, "US", descriptor)
    item.add_new(0x00283006, vr, data)
    return item


def read(item, *, is_signed=False, is_little=True):
    return read_lookup_table(item, is_signed=is_signed, is_little=is_little)


@pytest.mark.parametrize(
    ("vr", "data", "is_little"),
    [
        ("US", [0, 100, 200, 255], True),
        ("OW", np.array([0, 100, 200, 255], "<u2").tobytes(), True),
        ("OW", np.array([0, 100, 200, 255], ">u2").tobytes(), False),
    ],
)
def test_lookup_table_maps_and_clamps(vr, data, is_little):
    table = read(table_item([4, 10, 8], data, vr), is_little=is_little)

    mapped = table.apply(np.array([-5, 10, 11, 13, 99]))

    assert mapped.tolist() == [0, 0, 100, 255, 255]
    assert table.bits == 8


def test_lookup_table_of_bytes_eight_to_an_entry():
    table = read(table_item([4, 0, 8], bytes([1, 2, 3, 4]), "OW"))
    assert table.apply(np.arange(4)).tolist() == [1, 2, 3, 4]


def test_lookup_table_starts_below_zero_for_signed_values():
    table = read(table_item([3, 65535, 16], [1, 2, 65535]), is_signed=True)
    assert table.first == -1
    assert table.apply(np.array([-1, 0, 1])).tolist() == [1, 2, 65535]


def test_lookup_table_of_0_entries_means_65536():
    data = np.arange(65536, dtype="<u2").tobytes()
    assert len(read(table_item([0, 0, 16], data, "OW")).entries) == 65536


def test_lookup_table_that_states_16_bits_but_uses_12_counts_as_12():
    assert read(table_item([3, 0, 16], [0, 100, 4095])).bits == 12


@pytest.mark.parametrize("item", [Dataset(), table_item([4, 0, 8], []), table_item([4, 0], [1, 2])])
def test_lookup_table_without_content_is_none(item):
    assert read(item) is None


def palette(first=0, bits=8, **data):
    ds = Dataset()
    size = len(next(iter(data.values())))
    for name, values in data.items():
        kind = "<u2" if bits == 16 else "u1"
        ds.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [size, first, bits])
        ds.add_new(f"{name}PaletteColorLookupTableData", "OW", np.array(values, kind).tobytes())
    return ds


def test_apply_palette_of_8_bits():
    ds = palette(Red=[0, 10], Green=[1, 20], Blue=[2, 30])
    coloured = apply_palette(np.array([[0, 1, 9]]), ds, is_little=True)
    assert coloured.tolist() == [[[0, 1, 2], [10, 20, 30], [10, 20, 30]]]
    assert coloured.dtype == np.uint8


def test_apply_palette_of_16_bits_starting_at_another_value():
    ds = palette(first=5, bits=16, Red=[0, 0xFFFF], Green=[0, 0x8000], Blue=[0, 0x0100])
    coloured = apply_palette(np.array([[5, 6, 0]]), ds, is_little=True)
    assert coloured.tolist() == [[[0, 0, 0], [255, 128, 1], [0, 0, 0]]]


def test_apply_palette_of_16_bit_entries_that_mean_8():
    ds = palette(bits=16, Red=[0, 255], Green=[0, 128], Blue=[0, 1])
    assert apply_palette(np.array([[1]]), ds, is_little=True).tolist() == [[[255, 128, 1]]]


def segmented(words, size):
    ds = Dataset()
    for name in ("Red", "Green", "Blue"):
        ds.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [size, 0, 16])
        data = np.array(words, "<u2").tobytes()
        ds.add_new(f"Segmented{name}PaletteColorLookupTableData", "OW", data)
    return ds


def test_apply_palette_expands_discrete_and_linear_segments():
    ds = segmented([0, 2, 0x0000, 0x0100, 1, 3, 0x0400], 5)
    coloured = apply_palette(np.arange(5)[None], ds, is_little=True)
    assert coloured[0, :, 0].tolist() == [0, 1, 2, 3, 4]


def test_apply_palette_expands_indirect_segments():
    ds = segmented([0, 2, 0x0100, 0x0200, 2, 1, 0, 0, 0, 1, 0x0900], 5)
    coloured = apply_palette(np.arange(5)[None], ds, is_little=True)
    assert coloured[0, :, 0].tolist() == [1, 2, 1, 2, 9]


@pytest.mark.parametrize("words", [[7, 1, 1], [1, 5, 5], [2, 65535, 0, 0], []])
def test_apply_palette_refuses_broken_segments(words):
    with pytest.raises(PixelDecodingError):
        apply_palette(np.zeros((1, 1)), segmented(words, 300), is_little=True)


def test_apply_palette_refuses_a_missing_palette():
    with pytest.raises(PixelDecodingError, match="palette"):
        apply_palette(np.zeros((1, 1)), Dataset(), is_little=True)
