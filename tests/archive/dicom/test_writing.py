import io

import pytest

from archive.dicom.reading import read_dataset
from archive.dicom.writing import write_part10
from tests.builders.datasets import make_dataset


def test_write_part10_is_read_back_unchanged():
    ds = make_dataset()

    data = write_part10(ds)

    assert data[128:132] == b"DICM"
    assert read_dataset(io.BytesIO(data)) == ds


def test_write_part10_needs_a_transfer_syntax():
    ds = make_dataset()
    del ds.file_meta.TransferSyntaxUID
    with pytest.raises((ValueError, AttributeError)):
        write_part10(ds)
