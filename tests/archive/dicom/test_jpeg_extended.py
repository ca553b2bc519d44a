import shutil
import subprocess

import numpy as np
import pytest

from archive.dicom.frames import frame_bytes
from archive.dicom.jpeg_extended import decode_extended
from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders.jpegs import extended_jpeg, lossless_jpeg


def picture(rows=40, columns=30):
    y, x = np.mgrid[0:rows, 0:columns]
    return (2048 + 1500 * np.sin(y / 5) * np.cos(x / 7)).astype(np.uint16)


@pytest.mark.parametrize("shape", [(8, 8), (40, 30), (17, 41), (1, 1)])
def test_decode_extended_is_within_a_level_of_the_original(shape):
    image = picture(*shape)
    decoded = decode_extended(extended_jpeg(image))
    assert decoded.shape == shape
    assert np.abs(decoded.astype(int) - image).max() <= 1


@pytest.mark.parametrize("blocks", [1, 3, 100])
def test_decode_extended_with_restarts(blocks):
    image = picture()
    decoded = decode_extended(extended_jpeg(image, restart_blocks=blocks))
    assert np.abs(decoded.astype(int) - image).max() <= 1


def test_decode_extended_of_noise_uses_every_coefficient():
    image = np.random.default_rng(2).integers(0, 4096, (16, 16)).astype(np.uint16)
    assert np.abs(decode_extended(extended_jpeg(image)).astype(int) - image).max() <= 2


def test_decode_extended_refuses_cut_and_foreign_images():
    encoded = extended_jpeg(picture())
    for damaged in (
        encoded[: len(encoded) // 2],
        encoded[:200],
        b"\xff\xd8\xff\xd9",
        lossless_jpeg(picture()),
    ):
        with pytest.raises((ValueError, KeyError, IndexError)):
            decode_extended(damaged)


def test_decode_extended_of_a_real_file():
    ds = read_dataset(TEST_FILES / "JPGExtended.dcm")
    decoded = decode_extended(frame_bytes(ds, 0))
    assert decoded.shape == (1024, 256)
    assert 0 < decoded.mean() < 4096


@pytest.mark.interop
@pytest.mark.skipif(not shutil.which("dcmdjpeg"), reason="dcmtk (dcmdjpeg) is not installed")
@pytest.mark.parametrize("name", ["MR1", "MR4", "NM1", "RG3", "XA1"])
def test_decode_frame_agrees_with_dcmtk_within_a_level(wg04, tmp_path, name):
    path, plain = wg04 / f"{name}_JPLY.dcm", tmp_path / "plain.dcm"
    subprocess.run(["dcmdjpeg", path, plain], check=True, capture_output=True)

    ours, theirs = decode_frame(read_dataset(path)), decode_frame(read_dataset(plain))

    assert np.abs(ours.astype(int) - theirs).max() <= 1
