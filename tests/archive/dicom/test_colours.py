import numpy as np
import pytest

from archive.dicom.colours import upsample_422, ybr_to_rgb


@pytest.mark.parametrize(
    ("ybr", "rgb"),
    [((0, 128, 128), (0, 0, 0)), ((255, 128, 128), (255, 255, 255)), ((76, 85, 255), (254, 0, 0))],
)
def test_ybr_full_to_rgb(ybr, rgb):
    samples = np.array([[ybr]], np.uint8)
    assert ybr_to_rgb(samples, "YBR_FULL", 8)[0, 0].tolist() == list(rgb)


@pytest.mark.parametrize(
    ("ybr", "rgb"), [((16, 128, 128), (0, 0, 0)), ((235, 128, 128), (255, 255, 255))]
)
def test_ybr_partial_to_rgb(ybr, rgb):
    samples = np.array([[ybr]], np.uint8)
    assert ybr_to_rgb(samples, "YBR_PARTIAL_422", 8)[0, 0].tolist() == list(rgb)


def test_ybr_to_rgb_keeps_the_range_of_16_bits():
    samples = np.array([[(65535, 32768, 32768)]], np.uint16)
    assert ybr_to_rgb(samples, "YBR_FULL", 16)[0, 0].tolist() == [65535] * 3


def test_upsample_422_gives_both_pixels_their_chroma():
    pairs = np.array([1, 2, 10, 20, 3, 4, 30, 40], np.uint8)
    assert upsample_422(pairs, 2, 2).tolist() == [
        [[1, 10, 20], [2, 10, 20]],
        [[3, 30, 40], [4, 30, 40]],
    ]
