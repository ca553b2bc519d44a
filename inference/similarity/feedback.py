"""Rocchio's feedback: a question moves towards what is like it and away from what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.similarity.errors import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

# Rocchio's usual weights: the question, what is like it, what is not.
WEIGHT_QUESTION = 1.0
WEIGHT_POSITIVE = 0.75
WEIGHT_NEGATIVE = 0.15
_LEAST_NORM = 1e-6


def moved(
    question: Vector | None,
    towards: Sequence[Vector],
    away: Sequence[Vector],
    *,
    is_normalised: bool = True,
) -> Vector:
    """Move a vector by examples: question + .75 mean of positives - .15 mean of negatives.

    Parameters
    ----------
    question : (dimension,) float32; None where the positives are the question
    towards : vectors of positive examples, at least one where there is no question
    away : vectors of negative examples
    is_normalised : whether vectors of the space have length 1; where length carries meaning, the
        weights are divided by their sum instead, so that the result is a point among the others

    Returns
    -------
    (dimension,) float32; the question itself where there are no examples.

    Raises
    ------
    InvalidQueryError
        The parts cancel each other out.
    """
    if not towards and not away and question is not None:
        return question
    vector = np.zeros_like(question if question is not None else towards[0], dtype=np.float64)
    weight = 0.0
    if question is not None:
        vector += WEIGHT_QUESTION * question
        weight += WEIGHT_QUESTION
    if towards:
        vector += WEIGHT_POSITIVE * np.mean(towards, axis=0)
        weight += WEIGHT_POSITIVE
    if away:
        vector -= WEIGHT_NEGATIVE * np.mean(away, axis=0)
        weight -= WEIGHT_NEGATIVE
    return unit(vector) if is_normalised else np.asarray(vector / weight, dtype=np.float32)


def unit(vector: npt.NDArray[np.floating]) -> Vector:
    """Scale a vector to length 1.

    Parameters
    ----------
    vector : (dimension,)

    Returns
    -------
    (dimension,) float32

    Raises
    ------
    InvalidQueryError
        It has no direction.
    """
    norm = float(np.linalg.norm(vector))
    if norm < _LEAST_NORM:
        message = "The parts of the query cancel each other out."
        raise InvalidQueryError(message, field="negative")
    return np.asarray(vector / norm, dtype=np.float32)
