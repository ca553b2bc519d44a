"""Multinomial logistic regression with L2, balanced classes and a calibrated temperature."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def fit_logistic(
    features: Floats, classes: Integers, *, count: int, strength: float
) -> tuple[Floats, Floats]:
    """Fit weights and bias.

    Parameters
    ----------
    features : (n, d)
    classes : (n,) class of each row, 0 to `count` - 1; each class occurs
    count : number of classes
    strength : inverse of the L2 penalty, as scikit-learn's C

    Returns
    -------
    (count, d) weights and (count,) bias
    """
    rows, dimension = features.shape
    frequency = np.bincount(classes, minlength=count)
    row_weights = rows / (count * frequency[classes])
    targets = np.eye(count)[classes]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat[: count * dimension].reshape(count, dimension)
        scores = features @ weights.T + flat[count * dimension :]
        logs = log_softmax(scores, axis=1)
        value = -float((row_weights * logs[np.arange(rows), classes]).sum())
        slope = (np.exp(logs) - targets) * row_weights[:, np.newaxis]
        gradient = np.concatenate([(slope.T @ features + weights / strength).ravel(), slope.sum(0)])
        return value + 0.5 * float((weights**2).sum()) / strength, gradient

    start = np.zeros(count * (dimension + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return found[: count * dimension].reshape(count, dimension), found[count * dimension :]


def fit_temperature(scores: Floats, classes: Integers) -> float:
    """Return what to divide held-out scores by so that their likelihood is best.

    Parameters
    ----------
    scores : (n, classes), unnormalised
    classes : (n,) true class

    Returns
    -------
    between 0.05 and 20
    """

    def loss(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(len(classes)), classes].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def calibration_error(scores: Floats, classes: Integers, *, bins: int = 10) -> float:
    """Return the expected calibration error of the likeliest class.

    Parameters
    ----------
    scores : (n, classes), after division by the temperature
    classes : (n,) true class
    bins : equal intervals of probability

    Returns
    -------
    0 (as right as it says) to 1
    """
    probabilities = softmax(scores, axis=1)
    said = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == classes
    interval = np.minimum((said * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = interval == index
        if inside.any():
            gap = abs(float(said[inside].mean()) - float(is_right[inside].mean()))
            error += float(inside.mean()) * gap
    return error
