import numpy as np
import pytest

from archive.dicom.jpeg_lossless import decode_lossless
from tests.builders.jpegs import lossless_jpeg


def picture(rows=23, columns=17, bits=16, seed=3):
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(rows) * 31, np.arange(columns) * 7)
    return ((ramp + rng.integers(0, 40, (rows, columns))) % (1 << bits)).astype(np.uint16)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_decode_lossless_undoes_every_predictor(predictor):
    image = picture()
    assert (decode_lossless(lossless_jpeg(image, predictor=predictor)) == image).all()


@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_decode_lossless_of_values_that_wrap_around(predictor):
    image = np.random.default_rng(1).integers(0, 65536, (12, 9)).astype(np.uint16)
    image[0, :3] = [0, 65535, 32768]
    assert (decode_lossless(lossless_jpeg(image, predictor=predictor)) == image).all()


@pytest.mark.parametrize("precision", [8, 12, 16])
def test_decode_lossless_of_every_precision(precision):
    image = picture(bits=precision)
    assert (decode_lossless(lossless_jpeg(image, precision=precision)) == image).all()


def test_decode_lossless_of_interleaved_components():
    image = np.stack([picture(bits=8, seed=s) for s in range(3)], axis=-1)
    assert (decode_lossless(lossless_jpeg(image, precision=8)) == image).all()


@pytest.mark.parametrize("lines", [1, 4, 23])
def test_decode_lossless_with_restarts(lines):
    image = picture()
    encoded = lossless_jpeg(image, predictor=2, restart_lines=lines)
    assert (decode_lossless(encoded) == image).all()


def test_decode_lossless_of_more_than_one_chunk(monkeypatch):
    monkeypatch.setattr("archive.dicom.jpeg_lossless._CHUNK_BYTES", 64)
    image = picture(60, 50)
    assert (decode_lossless(lossless_jpeg(image)) == image).all()


def test_decode_lossless_refuses_cut_and_foreign_images():
    encoded = lossless_jpeg(picture())
    for damaged in (
        encoded[: len(encoded) // 2],
        encoded[:20],
        b"\xff\xd8\xff\xd9",
        encoded.replace(b"\xff\xc3", b"\xff\xc0"),
    ):
        with pytest.raises((ValueError, KeyError, IndexError)):
            decode_lossless(damaged)


def test_decode_lossless_of_any_flipped_bit_raises_or_gives_the_shape():
    encoded = bytearray(lossless_jpeg(picture()))
    for position in range(2, len(encoded), 3):
        damaged = encoded.copy()
        damaged[position] ^= 0x10
        try:
            shape = decode_lossless(bytes(damaged)).shape
        except Exception as error:  # noqa: BLE001 the caller catches all; the process must live
            shape = type(error)
        assert shape is not None
