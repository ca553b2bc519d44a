import numpy as np
import pytest
from scipy.special import softmax

from inference.training.logistic import calibration_error, fit_logistic, fit_temperature


def blobs(count, seed=0):
    random = np.random.default_rng(seed)
    classes = random.integers(0, 3, count)
    centres = np.eye(3) * 4
    return centres[classes] + random.normal(size=(count, 3)), classes


def test_fit_logistic_separates_what_is_separable():
    features, classes = blobs(300)
    weights, bias = fit_logistic(features, classes, count=3, strength=1.0)
    more, truth = blobs(300, seed=1)
    assert ((more @ weights.T + bias).argmax(axis=1) == truth).mean() > 0.97


def test_fit_logistic_agrees_with_a_direct_gradient_check():
    features, classes = blobs(60)
    weights, bias = fit_logistic(features, classes, count=3, strength=0.5)
    probabilities = softmax(features @ weights.T + bias, axis=1)
    row_weights = 60 / (3 * np.bincount(classes)[classes])
    slope = (probabilities - np.eye(3)[classes]) * row_weights[:, np.newaxis]
    assert np.abs(slope.T @ features + weights / 0.5).max() < 1e-2
    assert np.abs(slope.sum(axis=0)).max() < 1e-2


def test_fit_logistic_gives_a_rare_class_its_due():
    random = np.random.default_rng(0)
    features = np.concatenate([random.normal(0, 1, (500, 1)), random.normal(1.5, 1, (20, 1))])
    classes = np.repeat([0, 1], [500, 20])
    weights, bias = fit_logistic(features, classes, count=2, strength=10.0)
    answers = (features @ weights.T + bias).argmax(axis=1)
    assert (answers[classes == 1] == 1).mean() > 0.6


def test_fit_temperature_undoes_a_known_scaling():
    random = np.random.default_rng(0)
    scores = random.normal(0, 2, (20000, 3))
    chances = softmax(scores, axis=1)
    classes = (random.random((20000, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(max=2)
    assert fit_temperature(scores * 3, classes) == pytest.approx(3, rel=0.05)
    assert calibration_error(scores, classes) < 0.02
    assert calibration_error(scores * 3, classes) > 0.1
