import io

import pytest
from PIL import Image

from archive.dicom.codestreams import (
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    inspect_codestream,
)
from archive.dicom.frames import frame_bytes
from archive.dicom.reading import read_dataset
from tests.archive.dicom.conftest import TEST_FILES


@pytest.mark.parametrize(
    ("name", "kind", "shape", "precision"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", JPEG, (100, 100, 3), 8),
        ("JPGExtended.dcm", JPEG, (1024, 256, 1), 12),
        ("SC_rgb_jpeg_gdcm.dcm", JPEG_LOSSLESS, (100, 100, 3), 8),
        ("MR_small_jpeg_ls_lossless.dcm", JPEG_LS, (64, 64, 1), 16),
        ("JPEG2000.dcm", JPEG_2000, (1024, 256, 1), 16),
        ("693_J2KI.dcm", JPEG_2000, (512, 512, 1), 16),
    ],
)
def test_inspect_codestream_of_real_frames(name, kind, shape, precision):
    stream = inspect_codestream(frame_bytes(read_dataset(TEST_FILES / name), 0))

    assert stream.kind == kind
    assert (stream.rows, stream.columns, stream.components) == shape
    assert stream.precision == precision


def test_inspect_codestream_reads_colour_hints():
    image = Image.new("RGB", (16, 8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")

    stream = inspect_codestream(buffer.getvalue())

    assert stream.has_jfif
    assert stream.adobe_transform is None
    assert stream.component_ids == b"\x01\x02\x03"


def test_inspect_codestream_finds_the_stream_inside_a_jp2_file():
    buffer = io.BytesIO()
    Image.new("RGB", (16, 8)).save(buffer, "JPEG2000", mct=1)

    stream = inspect_codestream(buffer.getvalue())

    assert (stream.kind, stream.rows, stream.columns) == (JPEG_2000, 8, 16)
    assert stream.has_colour_transform


@pytest.mark.parametrize(
    "frame", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51\0", b"RLE?" * 20]
)
def test_inspect_codestream_of_anything_else_is_none(frame):
    assert inspect_codestream(frame) is None
