import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_windowing

from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.dicom.windowing import (
    Window,
    apply_modality,
    apply_voi,
    apply_window,
    automatic_window,
    is_inverted,
    rescale_of,
    stored_window,
)
from archive.errors import InvalidWindowError
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders.datasets import make_dataset


def values(*numbers):
    return np.array([numbers], np.float32)


# The worked limits of PS3.3 C.11.2.1.2.1: windows c=2048 w=4096 and c=2048 w=1.
@pytest.mark.parametrize(
    ("window", "inputs", "outputs"),
    [
        (Window(2048, 4096), (0, 4095, -1, 9999), (0, 255, 0, 255)),
        (Window(2048, 1), (2047, 2048), (0, 255)),
        (Window(0, 100), (-50, 49), (0, 255)),
        (Window(0, 101), (-50.5, 49.5), (0, 255)),
        (Window(0, 100, "LINEAR_EXACT"), (-50, 0, 50), (0, 128, 255)),
        (Window(0.5, 0.5, "LINEAR_EXACT"), (0.25, 0.5, 0.75), (0, 128, 255)),
        (Window(0, 100, "SIGMOID"), (-1000, 0, 1000), (0, 128, 255)),
    ],
)
def test_apply_window(window, inputs, outputs):
    assert apply_window(values(*inputs), window).tolist() == [list(outputs)]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_apply_window_agrees_with_pydicom(function):
    ds = Dataset()
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = 40, 400, function
    ds.PhotometricInterpretation, ds.BitsStored, ds.PixelRepresentation = "MONOCHROME2", 8, 0
    inputs = np.linspace(-500, 500, 999)

    expected = apply_windowing(inputs, ds)

    ours = apply_window(inputs.astype(np.float32), Window(40, 400, function))
    assert np.abs(ours - expected).max() <= 0.51


def test_apply_window_of_values_that_are_no_numbers_is_black():
    assert apply_window(values(np.nan, -np.inf, np.inf), Window(0, 10)).tolist() == [[0, 0, 255]]


@pytest.mark.parametrize(
    ("width", "function"),
    [
        (0, "LINEAR"),
        (0.5, "LINEAR"),
        (-5, "LINEAR"),
        (0, "SIGMOID"),
        (float("nan"), "LINEAR"),
        (10, "CUBIC"),
    ],
)
def test_window_refuses_what_the_standard_forbids(width, function):
    with pytest.raises(InvalidWindowError):
        Window(0, width, function)


def test_apply_modality_rescales():
    ds = make_dataset(RescaleSlope=2, RescaleIntercept=-1000)
    assert apply_modality(np.array([[0, 500]], np.int16), ds).tolist() == [[-1000, 0]]


def test_apply_modality_by_lookup_table():
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [3, 5, 16], [10, 20, 30]
    ds = make_dataset(ModalityLUTSequence=[item])
    assert apply_modality(np.array([[0, 5, 6, 9]]), ds).tolist() == [[10, 10, 20, 30]]


def test_apply_modality_of_each_frame_by_its_functional_group():
    ds = make_dataset(NumberOfFrames=2, RescaleSlope=None, RescaleIntercept=None)
    ds.PerFrameFunctionalGroupsSequence = []
    for slope in (2, 3):
        rescale, frame = Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = slope, 0
        frame.PixelValueTransformationSequence = [rescale]
        ds.PerFrameFunctionalGroupsSequence.append(frame)
    one = np.array([[1]])
    assert [apply_modality(one, ds, n).item() for n in range(2)] == [2, 3]


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_apply_modality_agrees_with_pydicom(name):
    ds = read_dataset(TEST_FILES / name)
    frame = decode_frame(ds)
    assert np.allclose(apply_modality(frame, ds), apply_modality_lut(frame, ds))


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, (1, 5)),
        ({"RescaleSlope": None, "RescaleIntercept": None}, (1, 0)),
    ],
)
def test_rescale_of(attrs, expected):
    assert rescale_of(make_dataset(**attrs)) == expected


@pytest.mark.parametrize(
    ("attrs", "window"),
    [
        ({"WindowCenter": 40, "WindowWidth": 400}, Window(40, 400)),
        ({"WindowCenter": [40, 300], "WindowWidth": [400, 2000]}, Window(40, 400)),
        (
            {"WindowCenter": 4, "WindowWidth": 4, "VOILUTFunction": "SIGMOID"},
            Window(4, 4, "SIGMOID"),
        ),
        ({"WindowCenter": 4, "WindowWidth": 4, "VOILUTFunction": "ODD"}, Window(4, 4)),
        ({"WindowCenter": 0.2, "WindowWidth": 0.5}, Window(0.2, 0.5, "LINEAR_EXACT")),
        ({"WindowCenter": 40, "WindowWidth": 0}, None),
        ({"WindowCenter": 40, "WindowWidth": -10}, None),
        ({"WindowCenter": 40}, None),
        ({}, None),
    ],
)
def test_stored_window(attrs, window):
    assert stored_window(make_dataset(**attrs)) == window


def test_stored_window_of_each_frame():
    ds = make_dataset(NumberOfFrames=2, WindowCenter=1, WindowWidth=1)
    voi, shared = Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth = 7, 70
    shared.FrameVOILUTSequence = [voi]
    ds.SharedFunctionalGroupsSequence = [shared]
    assert stored_window(ds, 1) == Window(7, 70)


def test_stored_window_of_floating_point_pixels_is_exact():
    ds = make_dataset(WindowCenter=0.5, WindowWidth=1.0)
    ds.FloatPixelData = bytes(16 * 12 * 4)
    del ds.PixelData
    assert stored_window(ds) == Window(0.5, 1, "LINEAR_EXACT")


def test_automatic_window_of_ct_is_soft_tissue():
    hounsfield = np.linspace(-1000, 1000, 5000, dtype=np.float32)[None]
    assert automatic_window(hounsfield, make_dataset()) == Window(40, 400)


def test_automatic_window_of_ct_far_from_soft_tissue_follows_the_values():
    bone = np.linspace(800, 1800, 5000, dtype=np.float32)[None]
    window = automatic_window(bone, make_dataset())
    assert 1200 < window.center < 1400


def test_automatic_window_ignores_outliers_and_padding():
    image = np.full((100, 100), 100, np.float32)
    image[:, 50:] = 300
    image[0, 0] = 30_000
    image[90:] = -2000
    ds = make_dataset(
        Modality="MR", PixelPaddingValue=-2000, RescaleIntercept=None, RescaleSlope=None
    )
    window = automatic_window(image, ds)
    assert window.center == pytest.approx(200, abs=5)
    assert window.width == pytest.approx(200, abs=5)


@pytest.mark.parametrize(
    ("attrs", "top", "window"),
    [
        ({"BitsStored": 8, "PixelRepresentation": 0}, 200, (127.5, 255)),
        ({"BitsStored": 8, "PixelRepresentation": 0}, 40, (20, 40)),
        ({"BitsStored": 1}, 1, (0.5, 1)),
        ({"BitsStored": 8, "PixelRepresentation": 0, "Modality": "SEG"}, 4, (2, 4)),
    ],
)
def test_automatic_window_of_few_bits(attrs, top, window):
    image = np.linspace(0, top, 1000, dtype=np.float32)[None]
    found = automatic_window(image, make_dataset(**{"Modality": "US", **attrs}, PixelData=b""))
    assert (found.center, found.width) == pytest.approx(window, abs=1)


@pytest.mark.parametrize("content", [[5, 5, 5], [np.nan, np.nan], []])
def test_automatic_window_of_flat_or_empty_images_is_usable(content):
    found = automatic_window(np.array([content], np.float32), make_dataset(Modality="MR"))
    assert found.width > 0


def test_apply_voi_prefers_the_window_asked_for_then_table_then_stored():
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [4, 0, 8], [255, 0, 255, 0]
    ds = make_dataset(WindowCenter=2, WindowWidth=4, RescaleIntercept=None, PixelRepresentation=0)
    inputs = values(0, 1, 2, 3)

    assert apply_voi(inputs, ds).tolist() == [[0, 85, 170, 255]]
    ds.VOILUTSequence = [item]
    assert apply_voi(inputs, ds).tolist() == [[255, 0, 255, 0]]
    assert apply_voi(inputs, ds, window=Window(2, 1)).tolist() == [[0, 0, 255, 255]]


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "IDENTITY", False),
    ],
)
def test_is_inverted(photometric, shape, inverted):
    ds = make_dataset(PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    assert is_inverted(ds) is inverted
