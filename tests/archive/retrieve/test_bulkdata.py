from __future__ import annotations

import pytest
from pydicom import Dataset, Sequence

from archive.errors import NotVisibleError
from archive.retrieve.bulkdata import bulk_paths, bulk_value, is_compressed_pixel_data
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(project):
    ds = make_dataset()
    item = Dataset()
    item.add_new(0x00281201, "OW", b"\x01\x02" * 2000)
    ds.IconImageSequence = Sequence([Dataset(), item])
    ds.add_new(0x00420011, "OB", b"%PDF")
    return store_datasets(ds, project=project)[0], ds


def test_values_are_found_by_their_path(stored):
    instance, ds = stored

    assert content_at(instance, "7FE00010") == ds.PixelData
    assert content_at(instance, "7fe00010") == ds.PixelData
    assert content_at(instance, "00420011") == b"%PDF"
    assert content_at(instance, "00880200/1/00281201") == b"\x01\x02" * 2000


def content_at(instance, path):
    value = bulk_value(instance, path)
    content = b"".join(value.chunks())
    assert len(content) == value.size_bytes
    return content


@pytest.mark.parametrize("path", ["7FE00010", "00880200/1/00281201"])
def test_parts_of_values(stored, path, monkeypatch):
    monkeypatch.setattr("archive.retrieve.bulkdata.CHUNK_BYTES", 7)
    whole = content_at(stored[0], path)
    value = bulk_value(stored[0], path)

    assert b"".join(value.chunks(3, 50)) == whole[3:50]
    assert b"".join(value.chunks(10)) == whole[10:]
    assert b"".join(value.chunks(5, 10**9)) == whole[5:]


def test_all_paths_that_metadata_names(stored):
    assert bulk_paths(stored[0]) == ["00880200/1/00281201", "7FE00010"]


@pytest.mark.parametrize(
    "path",
    [
        *("00100010", "00880200", "00880200/0/00281201", "00880200/9/00281201"),
        *("00100010/0/00281201", "99999999", "7FE00010/", "", "../7FE00010", "7FE0001"),
        "/".join(["00880200/0"] * 40 + ["00281201"]),
    ],
)
def test_what_is_no_binary_value_is_not_there(stored, path):
    with pytest.raises(NotVisibleError):
        bulk_value(stored[0], path)


def test_compressed_pixel_data_has_no_single_value(stored):
    instance, _ = stored
    assert not is_compressed_pixel_data(instance, "7FE00010")
    instance.transfer_syntax_uid = "1.2.840.10008.1.2.5"

    assert is_compressed_pixel_data(instance, "7fe00010")
    assert not is_compressed_pixel_data(instance, "00420011")
