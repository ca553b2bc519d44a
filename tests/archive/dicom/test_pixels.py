import contextlib
import time
import warnings

import numpy as np
import pytest
from pydicom.pixels import pixel_array

from archive.dicom.frames import frame_bytes
from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.errors import InvalidInstanceError, PixelDecodingError
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders.datasets import make_dataset

# Broken on purpose, or without what an image needs.
UNDECODABLE = {
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "meta_missing_tsyntax.dcm",
    "nested_priv_SQ.dcm",
}
# No preamble, an odd number of frames, packed bits in RLE.
PYDICOM_CANNOT = {"badVR.dcm", "liver_rle.dcm", "OT-PAL-8-face.dcm"}
LOSSLESS = ["J2KR", "JLSL", "JPLL", "RLE"]


def stored(values, **attrs):
    array = np.array(values)
    return make_dataset(
        Rows=array.shape[0],
        Columns=array.shape[1],
        PixelData=array.astype("<u2").tobytes(),
        **attrs,
    )


def test_decode_frame_agrees_with_pydicom_on_every_real_file(real_files):
    compared = 0
    for path in real_files:
        try:
            ds = read_dataset(path)
        except InvalidInstanceError:
            continue
        if path.name in UNDECODABLE or not {"PixelData", "FloatPixelData"} & set(ds.dir()):
            continue
        decoded = decode_frame(ds, 0)
        if "JPLY" in path.name or path.name in {"JPGExtended.dcm", "JPEG-lossy.dcm"}:
            continue  # 12 bits, which pydicom's plugins at hand can't decode
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = pixel_array(ds, index=0)
            except (AttributeError, ValueError, RuntimeError):
                assert path.name in PYDICOM_CANNOT
                continue
        assert decoded.shape == expected.shape, path.name
        if path.name != "SC_rgb_small_odd_big_endian.dcm":
            assert np.array_equal(decoded, expected), path.name
        compared += 1
    assert compared > 60


@pytest.mark.parametrize("image", ["CT1", "MR1", "MR4", "NM1", "RG3", "US1", "VL1", "VL3", "XA1"])
def test_decode_frame_gives_the_same_pixels_from_every_lossless_syntax(wg04, image):
    original = wg04 / f"{image}_UNC.dcm"
    reference = decode_frame(
        read_dataset(original if original.exists() else wg04 / f"{image}_RLE.dcm")
    )
    others = [path for kind in LOSSLESS if (path := wg04 / f"{image}_{kind}.dcm").exists()]
    assert others
    for path in others:
        assert np.array_equal(decode_frame(read_dataset(path)), reference), path.name


@pytest.mark.parametrize(
    ("image", "tolerance", "kinds"),
    [
        ("CT1", 60, ["J2KI", "JLSN"]),
        ("MR1", 60, ["J2KI", "JLSN", "JPLY"]),
        ("NM1", 30, ["J2KI", "JLSN", "JPLY"]),
        ("XA1", 60, ["J2KI", "JLSN", "JPLY"]),
    ],
)
def test_decode_frame_gives_nearly_the_same_pixels_from_lossy_syntaxes(
    wg04, image, tolerance, kinds
):
    reference = decode_frame(read_dataset(wg04 / f"{image}_UNC.dcm")).astype(float)
    spread = np.percentile(reference, 99.9) - reference.min()
    for kind in kinds:
        decoded = decode_frame(read_dataset(wg04 / f"{image}_{kind}.dcm")).astype(float)
        assert np.abs(decoded - reference).mean() < spread / tolerance, kind


def test_decode_frame_clears_overlay_bits_above_the_stored_ones():
    ds = stored([[0xF001, 0x0FFF]], BitsStored=12, HighBit=11, PixelRepresentation=0)
    assert decode_frame(ds).tolist() == [[1, 0xFFF]]


def test_decode_frame_extends_the_sign_of_stored_bits():
    ds = stored([[0x0FFF, 0x0800, 0x07FF]], BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert decode_frame(ds).tolist() == [[-1, -2048, 2047]]


def test_decode_frame_takes_stored_bits_from_below_the_high_bit():
    ds = stored([[0xFFF3, 0x0010]], BitsStored=12, HighBit=15, PixelRepresentation=0)
    assert decode_frame(ds).tolist() == [[0xFFF, 1]]


def test_decode_frame_of_each_of_many_frames():
    ds = make_dataset(NumberOfFrames=4)
    frames = [decode_frame(ds, n) for n in range(4)]
    assert all(frame.shape == (16, 12) for frame in frames)
    assert frames[2].ravel()[0] == 2 * 16 * 12


@pytest.mark.parametrize("planar", [0, 1])
def test_decode_frame_of_planar_and_interleaved_colours(planar):
    image = np.arange(16 * 12 * 3, dtype=np.uint8).reshape(16, 12, 3)
    data = np.moveaxis(image, -1, 0) if planar else image
    ds = make_dataset(
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=planar,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=data.tobytes(),
    )
    assert np.array_equal(decode_frame(ds), image)


@pytest.mark.parametrize(
    ("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")]
)
def test_decode_frame_of_floating_point_pixels(keyword, kind):
    values = np.linspace(-1, 1, 16 * 12).astype(kind)
    ds = make_dataset(BitsAllocated=int(kind[2]) * 8)
    del ds.PixelData
    setattr(ds, keyword, values.tobytes())
    assert np.array_equal(decode_frame(ds).ravel(), values)


def test_decode_frame_of_32_bits():
    values = np.array([[1 << 30, 5]], "<u4")
    ds = make_dataset(
        Rows=1,
        Columns=2,
        BitsAllocated=32,
        BitsStored=32,
        HighBit=31,
        PixelRepresentation=0,
        PixelData=values.tobytes(),
    )
    assert decode_frame(ds).tolist() == values.tolist()


def test_decode_frame_of_big_endian_equals_little_endian():
    big = read_dataset(TEST_FILES / "MR_small_bigendian.dcm")
    little = read_dataset(TEST_FILES / "MR_small.dcm")
    assert np.array_equal(decode_frame(big), decode_frame(little))


def test_decode_frame_of_single_bits_of_frames_that_share_bytes(pydicom_extra):
    aligned = read_dataset(pydicom_extra / "liver.dcm")
    packed = read_dataset(pydicom_extra / "liver_rle.dcm")
    for index in range(3):
        assert np.array_equal(decode_frame(packed, index), decode_frame(aligned, index))


@pytest.mark.parametrize("bits", [12, 24, 4])
def test_decode_frame_refuses_bits_allocated_that_no_one_writes(bits):
    ds = make_dataset(BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelData=bytes(2000))
    with pytest.raises(PixelDecodingError, match="bits allocated"):
        decode_frame(ds)


def test_decode_frame_without_pixels_and_of_a_frame_too_many():
    with pytest.raises(PixelDecodingError):
        decode_frame(make_dataset(PixelData=None))
    with pytest.raises(PixelDecodingError):
        decode_frame(make_dataset(), 1)


def test_decode_frame_of_a_cut_jpeg_ls_frame_fails_soon(wg04):
    ds = read_dataset(wg04 / "NM1_JLSL.dcm")
    ds.PixelData = ds.PixelData[:-44_537]
    start = time.process_time()
    with pytest.raises(PixelDecodingError):
        decode_frame(ds)
    assert time.process_time() - start < 1


def test_decode_frame_of_truncated_compressed_frames_raises_its_own_error(real_files):
    for path in real_files:
        if not path.name.startswith(("NM1_", "SC_rgb_jpeg_dcmtk", "MR_small_jp", "MR_small_RLE")):
            continue
        ds = read_dataset(path)
        element = ds.get_item("PixelData")
        try:
            frame = frame_bytes(ds, 0)
        except PixelDecodingError:
            continue
        ds[element.tag] = ds["PixelData"]
        ds.PixelData = ds.PixelData[: len(ds.PixelData) - len(frame) // 2]
        with contextlib.suppress(PixelDecodingError):
            decode_frame(ds)
