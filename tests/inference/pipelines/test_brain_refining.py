"""Borders of tissues where the image has them, on phantoms whose truth is known."""

import numpy as np
import pytest
from scipy import ndimage

from inference.pipelines.brain_refining import CSF, GREY, WHITE, refine_tissues

SIDE = 96


def make_brain() -> np.ndarray:
    """White matter in a band of grey, which a fold of CSF 2 mm wide cuts; CSF around."""
    z, y, x = np.indices((SIDE,) * 3) - SIDE / 2
    distance = np.sqrt(z**2 + y**2 + x**2)
    labels = np.select([distance < 28, distance < 36, distance < 40], [WHITE, GREY, CSF])
    labels[(np.abs(y) <= 1) & (distance > 24) & (distance < 40) & (x > 0)] = CSF
    return labels.astype(np.uint8)


def image_of(labels: np.ndarray, *, gamma: float = 1.0, noise: float = 0.0) -> np.ndarray:
    image = np.array([0.0, 0.93, 0.73, 0.3], dtype=np.float32)[labels]
    image += noise * np.random.default_rng(0).standard_normal(image.shape).astype(np.float32)
    return np.clip(image, 0, None) ** gamma


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def blurred_opinion(labels: np.ndarray) -> np.ndarray:
    """What a network says that knows where tissues lie, and fills narrow folds."""
    said = labels.copy()
    said[ndimage.binary_closing(labels == GREY, iterations=3)] = GREY
    said[ndimage.binary_dilation(labels == WHITE, iterations=2)] = WHITE
    return said


@pytest.mark.parametrize("gamma", [0.7, 1.0, 1.5])
def test_borders_follow_the_image_whatever_its_contrast(gamma: float) -> None:
    truth = make_brain()
    said = blurred_opinion(truth)
    refined = refine_tissues(image_of(truth, gamma=gamma), said)

    for tissue in (WHITE, GREY):
        assert dice(said == tissue, truth == tissue) < 0.95
        assert dice(refined == tissue, truth == tissue) > 0.97


def test_folds_that_were_filled_are_opened_as_csf() -> None:
    truth = make_brain()
    said = blurred_opinion(truth)
    fold = (truth == CSF) & (said != CSF) & (said != 0)
    refined = refine_tissues(image_of(truth), said)
    assert (refined[fold] == CSF).mean() > 0.8


def test_what_hangs_on_by_a_thin_bridge_is_cut_off() -> None:
    truth = make_brain()
    image, said = image_of(truth), truth.copy()
    muscle = np.zeros(truth.shape, dtype=bool)
    muscle[46:50, 46:50, 84:96] = True  # the bridge
    muscle[36:60, 36:60, 90:96] = True
    image[muscle], said[muscle] = 0.73, GREY
    refined = refine_tissues(image, said)
    far = muscle & (np.indices(truth.shape)[2] > 90)
    assert not ((refined[far] == GREY) | (refined[far] == WHITE)).any()


def test_noise_is_left_to_the_network() -> None:
    truth = make_brain()
    refined = refine_tissues(image_of(truth, noise=0.08), truth)
    for tissue in (WHITE, GREY):
        assert dice(refined == tissue, truth == tissue) > 0.85


def test_shading_of_a_third_is_taken_out() -> None:
    truth = make_brain()
    ramp = np.linspace(0.83, 1.17, SIDE, dtype=np.float32)
    refined = refine_tissues(image_of(truth) * ramp, truth)
    for tissue in (WHITE, GREY):
        assert dice(refined == tissue, truth == tissue) > 0.95


@pytest.mark.parametrize("value", [0, CSF])
def test_no_tissue_gives_no_labels(value: int) -> None:
    said = np.full((20, 20, 20), value, dtype=np.uint8)
    assert not refine_tissues(np.ones(said.shape, dtype=np.float32), said).any()
