"""Uploaded pictures are decoded elsewhere, within limits, and leave no trace."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import psutil
import pytest
from PIL import Image

from archive.errors import BlobMissingError
from inference.errors import UnsupportedInputError
from inference.similarity import pictures
from inference.similarity.errors import InvalidQueryError, UndecodableImageError
from inference.similarity.pictures import cropped, decode_upload, stored_picture
from inference.similarity.types import MAX_IMAGE_BYTES, Region
from tests.builders.datasets import as_part10, make_dataset
from tests.factories.archive import InstanceFactory


def encoded(array: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header alone is honest: its pixels are one byte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_decode_upload_of_grey_png_keeps_every_value():
    ramp = np.arange(120, dtype=np.uint8).reshape(10, 12)

    np.testing.assert_array_equal(decode_upload(encoded(ramp)).pixels, ramp)


def test_decode_upload_of_one_pixel():
    assert decode_upload(encoded(np.zeros((1, 1), dtype=np.uint8))).pixels.shape == (1, 1)


def test_decode_upload_of_colour_jpeg_has_three_colours():
    picture = decode_upload(encoded(np.full((16, 8, 3), 200, dtype=np.uint8), "JPEG"))

    assert picture.pixels.shape == (16, 8, 3)
    assert picture.pixels.dtype == np.uint8


def test_decode_upload_of_16_bit_png_is_stretched_to_8():
    deep = np.linspace(1000, 5000, 60).astype(np.uint16).reshape(6, 10)

    pixels = decode_upload(encoded(deep)).pixels

    assert (pixels.min(), pixels.max()) == (0, 255)


def test_decode_upload_of_dicom_brings_its_attributes():
    ds = make_dataset(Modality="MR", BodyPartExamined="BRAIN")

    picture = decode_upload(as_part10(ds))

    assert picture.pixels.shape == (ds.Rows, ds.Columns)
    assert (picture.modality, picture.body_part) == ("MR", "BRAIN")


def test_decode_upload_of_a_frame_that_is_not_there():
    with pytest.raises(UndecodableImageError):
        decode_upload(as_part10(make_dataset()), frame=2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        encoded(np.zeros((50, 50), dtype=np.uint8))[:60],
        png_of_size(50_000, 50_000),
        encoded(np.zeros((4, 4), dtype=np.uint8), "GIF"),
        b"\0" * 128 + b"DICM" + b"\xff" * 100,
    ],
    ids=["empty", "text", "truncated", "huge", "other format", "broken dicom"],
)
def test_decode_upload_of_what_is_no_picture_names_the_field(content):
    with pytest.raises(UndecodableImageError) as caught:
        decode_upload(content)

    assert caught.value.field == "image"


def test_decode_upload_refuses_too_many_bytes_before_a_child_starts():
    with pytest.raises(UndecodableImageError, match="64 MiB"):
        decode_upload(b"\0" * (MAX_IMAGE_BYTES + 1))


def test_decode_upload_ends_a_child_that_takes_too_long(monkeypatch):
    monkeypatch.setattr(pictures, "TIMEOUT_S", 0.05)

    with pytest.raises(UndecodableImageError):
        decode_upload(encoded(np.zeros((4, 4), dtype=np.uint8)))


def test_decode_upload_leaves_no_file_and_no_child(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    children = set(psutil.Process().children())

    decode_upload(encoded(np.zeros((4, 4), dtype=np.uint8)))

    assert list(tmp_path.iterdir()) == []
    assert set(psutil.Process().children()) == children


@pytest.mark.parametrize(
    ("answer", "is_sound"),
    [
        (b'{"shape": [2, 3]}\n' + b"\1" * 6, True),
        (b'{"shape": [2, 1, 3]}\n' + b"\1" * 6, True),
        (b'{"shape": [2, 3]}\n' + b"\1" * 5, False),
        (b'{"shape": [-1, 3]}\n' + b"\1" * 6, False),
        (b'{"shape": [6]}\n' + b"\1" * 6, False),
        (b'{"shape": [0, 3]}\n', False),
        (b'{"shape": "no"}\n', False),
        (b"[]\n", False),
        (b"no line", False),
    ],
)
def test_answer_of_the_child_is_not_trusted(answer, is_sound):
    assert (pictures._parsed(answer) is not None) == is_sound


def test_cropped_cuts_rows_and_columns():
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)

    np.testing.assert_array_equal(
        cropped(pixels, Region(x=1, y=2, width=3, height=2)), pixels[2:4, 1:4]
    )
    assert cropped(pixels, None) is pixels


@pytest.mark.parametrize(
    "region",
    [Region(-1, 0, 2, 2), Region(0, 0, 6, 1), Region(0, 3, 1, 2), Region(0, 0, 0, 1)],
)
def test_cropped_outside_the_image_is_refused(region):
    with pytest.raises(InvalidQueryError) as caught:
        cropped(np.zeros((4, 5), dtype=np.uint8), region)

    assert caught.value.field == "region"


@pytest.mark.django_db
def test_stored_picture_without_pixels_is_refused():
    with pytest.raises(UnsupportedInputError):
        stored_picture(InstanceFactory(has_pixel_data=False))


@pytest.mark.django_db
@pytest.mark.parametrize("frame", [0, 4])
def test_stored_picture_of_a_frame_that_is_not_there(frame):
    with pytest.raises(InvalidQueryError) as caught:
        stored_picture(InstanceFactory(number_of_frames=3), frame)

    assert caught.value.field == "frame"


@pytest.mark.django_db
def test_stored_picture_whose_bytes_are_gone_says_so():
    with pytest.raises(BlobMissingError):
        stored_picture(InstanceFactory())
