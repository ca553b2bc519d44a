import io

import numpy as np
import pytest
from PIL import Image

from archive.dicom.reading import read_dataset
from archive.dicom.rendering import encode_image, render_frame
from archive.dicom.windowing import Window
from archive.errors import (
    InvalidInstanceError,
    InvalidRequestError,
    LimitExceededError,
    PixelDecodingError,
)
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders.datasets import make_dataset

# The colour bars of pydicom's SC_rgb files, top to bottom.
BARS = [
    *((255, 0, 0), (255, 128, 128), (0, 255, 0), (128, 255, 128), (0, 0, 255)),
    *((128, 128, 255), (0, 0, 0), (64, 64, 64), (192, 192, 192), (255, 255, 255)),
]


def likeness(one, other):
    return np.corrcoef(one.astype(float).ravel(), other.astype(float).ravel())[0, 1]


def grey(row, **attrs):
    data = np.array(row, "<i2")
    return make_dataset(Rows=1, Columns=len(row), PixelData=data.tobytes(), **attrs)


def test_render_frame_applies_rescale_and_window():
    ds = grey([0, 1024, 1063, 1300], WindowCenter=40, WindowWidth=400)
    assert render_frame(ds).tolist() == [[0, 102, 127, 255]]


def test_render_frame_uses_the_window_asked_for():
    ds = grey([0, 1024, 1063, 1300], WindowCenter=40, WindowWidth=400)
    assert render_frame(ds, window=Window(39, 2)).tolist() == [[0, 0, 255, 255]]


def test_render_frame_inverts_monochrome1():
    ds = grey([0, 1024, 1300], WindowCenter=40, WindowWidth=400)
    upright = render_frame(ds)
    ds.PhotometricInterpretation = "MONOCHROME1"
    assert (render_frame(ds) == 255 - upright).all()


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit.dcm",
        "SC_rgb_rle_32bit.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "SC_rgb_dcmtk_+eb+cy+n1.dcm",
        "SC_rgb_dcmtk_+eb+cy+n2.dcm",
        "SC_rgb_dcmtk_+eb+cy+s2.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_jls_lossy_sample.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
    ],
)
def test_render_frame_of_colour_bars_has_their_colours(name):
    picture = render_frame(read_dataset(TEST_FILES / name))
    assert picture.shape == (100, 100, 3)
    middles = picture[5::10, 50].astype(int)
    assert np.abs(middles - np.array(BARS)).max() <= 12, middles


@pytest.mark.parametrize(
    "name", ["SC_ybr_full_uncompressed", "SC_rgb_16bit", "SC_rgb_dcmtk_ebcys4_dcmd"]
)
def test_render_frame_of_more_colour_bars(pydicom_extra, name):
    middles = render_frame(read_dataset(pydicom_extra / f"{name}.dcm"))[5::10, 50].astype(int)
    assert np.abs(middles - np.array(BARS)).max() <= 12


def test_render_frame_of_names_in_their_colours():
    picture = render_frame(read_dataset(TEST_FILES / "GDCMJ2K_TextGBR.dcm")).astype(int)
    strongest = [
        picture[band].reshape(-1, 3).max(axis=0) for band in (slice(20, 130), slice(150, 260))
    ]
    assert strongest[0][0] > strongest[0][1] + 40  # "red" stands on top
    assert strongest[1][1] > strongest[1][0] + 40  # "green" below


def test_render_frame_of_planar_and_interleaved_files_is_the_same(pydicom_extra):
    planar, interleaved = (
        render_frame(read_dataset(pydicom_extra / f"color-{kind}.dcm")) for kind in ("pl", "px")
    )
    assert np.array_equal(planar, interleaved)


@pytest.mark.parametrize("image", ["CT1", "MR1", "MR4", "NM1", "RG3", "US1", "VL1", "VL3", "XA1"])
def test_render_frame_looks_alike_from_every_transfer_syntax(wg04, image):
    pictures = {
        path.name: render_frame(read_dataset(path), size=(256, 256))
        for path in sorted(wg04.glob(f"{image}_*.dcm"))
    }
    reference = pictures.get(f"{image}_UNC.dcm", pictures[f"{image}_RLE.dcm"])
    for name, picture in pictures.items():
        assert picture.shape == reference.shape, name
        assert likeness(picture, reference) > (0.9 if "J2KI" in name else 0.98), name


def test_render_frame_of_palettes(pydicom_extra):
    palette = render_frame(read_dataset(TEST_FILES / "examples_palette.dcm"))
    face = render_frame(read_dataset(pydicom_extra / "OT-PAL-8-face.dcm"))
    segmented = render_frame(read_dataset(pydicom_extra / "gdcm-US-ALOKA-16.dcm"))
    for picture in (palette, face, segmented):
        assert picture.ndim == 3
        assert picture.std() > 20
    assert face[..., 0].mean() > face[..., 2].mean()  # skin and cardboard are warm


def test_render_frame_of_the_smpte_pattern_by_each_kind_of_table(pydicom_extra):
    modality = render_frame(read_dataset(pydicom_extra / "mlut_18.dcm"))
    voi = render_frame(read_dataset(pydicom_extra / "vlut_04.dcm"))
    assert likeness(modality, voi) > 0.95
    for picture in (modality, voi):
        assert picture.min() < 10
        assert picture.max() > 245


@pytest.mark.parametrize(
    "kind", ["", "_RLE", "_big_endian", "_jpeg_2k_lossless", "_jpeg_ls_lossless"]
)
def test_render_frame_of_enhanced_mr_in_every_syntax(pydicom_extra, kind):
    reference = read_dataset(pydicom_extra / "emri_small.dcm")
    other = read_dataset(pydicom_extra / f"emri_small{kind}.dcm")
    for index in (0, 9):
        assert np.array_equal(render_frame(other, index), render_frame(reference, index))


def test_render_frame_without_a_window_uses_the_grey_levels(pydicom_extra):
    picture = render_frame(read_dataset(pydicom_extra / "emri_small.dcm"))
    assert picture.min() == 0
    assert picture.max() == 255
    assert 40 < picture.mean() < 200


def test_render_frame_of_a_parametric_map_shows_its_fractions(pydicom_extra):
    picture = render_frame(read_dataset(pydicom_extra / "parametric_map_float.dcm"))
    assert picture.std() > 20


def test_render_frame_of_a_segmentation_is_black_and_white(pydicom_extra):
    picture = render_frame(read_dataset(pydicom_extra / "liver.dcm"))
    assert set(np.unique(picture)) == {0, 255}


def test_render_frame_renders_every_decodable_real_file(real_files):
    rendered = 0
    for path in real_files:
        try:
            ds = read_dataset(path)
            picture = render_frame(ds, size=(64, 64))
        except (PixelDecodingError, InvalidInstanceError):
            continue
        assert picture.dtype == np.uint8
        assert max(picture.shape[:2]) == 64
        rendered += 1
    assert rendered > 80


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((6, 8), (8, 6)),
        ((6, 100), (8, 6)),
        ((100, 8), (8, 6)),
        ((24, 32), (32, 24)),
        ((12, 16), (16, 12)),
        ((1, 1), (1, 1)),
    ],
)
def test_render_frame_fits_a_box_and_keeps_proportions(size, shape):
    assert render_frame(make_dataset(), size=size).shape == shape


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (10_000, 10)])
def test_render_frame_refuses_impossible_boxes(size):
    with pytest.raises(LimitExceededError):
        render_frame(make_dataset(), size=size)


def test_render_frame_of_broken_attributes_raises_its_own_error():
    ds = make_dataset(PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(PixelDecodingError):
        render_frame(ds)


@pytest.mark.parametrize(
    ("name", "magic"), [("jpeg", b"\xff\xd8"), ("png", b"\x89PNG"), ("gif", b"GIF8")]
)
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_encode_image(name, magic, shape):
    picture = np.linspace(0, 255, int(np.prod(shape))).reshape(shape).astype(np.uint8)

    data = encode_image(picture, name)

    assert data.startswith(magic)
    decoded = Image.open(io.BytesIO(data))
    assert decoded.size == (30, 20)
    if name == "png":
        assert np.array_equal(np.asarray(decoded), picture)


def test_encode_image_of_higher_quality_is_larger():
    picture = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    assert len(encode_image(picture, quality=95)) > len(encode_image(picture, quality=20))
    assert encode_image(picture, quality=5000)


def test_encode_image_refuses_other_formats():
    with pytest.raises(InvalidRequestError):
        encode_image(np.zeros((2, 2), np.uint8), "bmp")


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.uint8])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_table_of_large_images_shows_what_their_values_show(monkeypatch, kind, photometric):
    from archive.dicom import rendering

    info = np.iinfo(kind)
    samples = np.random.default_rng(2).integers(info.min, info.max, (256, 256), kind)
    ds = make_dataset(Rows=256, Columns=256, PhotometricInterpretation=photometric)
    bits = 8 * samples.dtype.itemsize
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(info.min < 0)
    ds.RescaleSlope, ds.RescaleIntercept = "1.5", "-20"
    ds.PixelData = samples.tobytes()
    for window in (Window(40, 400), Window(0, 3000, "SIGMOID"), Window(7, 1)):
        by_table = render_frame(ds, 0, window=window)
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "_table_of", lambda *_: None)
            by_value = render_frame(ds, 0, window=window)

        assert np.array_equal(by_table, by_value)
