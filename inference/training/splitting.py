"""Which patients a model learns from, is steered by, and is judged on: never the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.training.recipe import Recipe

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of the samples: what is learned from, what ends the learning, what is judged."""

    train: Integers
    validation: Integers
    test: Integers


def split_patients(
    patients: Sequence[str], classes: Integers, shares: Sequence[float], *, seed: int
) -> Integers:
    """Return each row's part: one patient is in one part, classes are spread by the shares.

    Parameters
    ----------
    patients : of each row
    classes : of each row, from 0
    shares : of the parts, sum 1
    seed : the order among patients of the same number of rows

    Returns
    -------
    (n,) part of each row, 0 to ``len(shares) - 1``
    """
    order = np.random.default_rng(seed).permutation(len(patients))
    members: dict[str, list[int]] = {}
    for row in order.tolist():
        members.setdefault(patients[row], []).append(row)
    count = int(classes.max()) + 1
    wanted = np.outer(shares, np.bincount(classes, minlength=count)).astype(np.float64)
    held = np.zeros_like(wanted)
    parts = np.zeros(len(patients), dtype=np.int64)
    # The largest patients first, each to the part that lacks most of their classes.
    for rows in sorted(members.values(), key=len, reverse=True):
        own = np.bincount(classes[rows], minlength=count)
        lack = ((wanted - held) / np.maximum(wanted, 1e-9)) @ own
        part = int(np.lexsort((-wanted.sum(axis=1), -lack))[0])
        parts[rows] = part
        held[part] += own
    return parts


def splits_of(recipe: Recipe, patients: Sequence[str], classes: Integers) -> list[Split]:
    """Return one split, or one for each fold.

    Parameters
    ----------
    recipe : shares, folds and seed
    patients, classes : of each row

    Returns
    -------
    splits; over the folds every row is judged once
    """
    if not recipe.folds:
        shares = [
            1 - recipe.validation_share - recipe.test_share,
            recipe.validation_share,
            recipe.test_share,
        ]
        parts = split_patients(patients, classes, shares, seed=recipe.seed)
        return [Split(*(np.flatnonzero(parts == part) for part in range(3)))]
    shares = [1 / recipe.folds] * recipe.folds
    parts = split_patients(patients, classes, shares, seed=recipe.seed)
    return [
        _with_validation(recipe, patients, classes, np.flatnonzero(parts == fold))
        for fold in range(recipe.folds)
    ]


def last_split(recipe: Recipe, patients: Sequence[str], classes: Integers) -> Split:
    """Return the split of the model that is kept after folds: nothing is left out for judging.

    Parameters
    ----------
    recipe, patients, classes : as for `splits_of`

    Returns
    -------
    Split with an empty test part
    """
    return _with_validation(recipe, patients, classes, np.zeros(0, dtype=np.int64))


def _with_validation(
    recipe: Recipe, patients: Sequence[str], classes: Integers, test: Integers
) -> Split:
    rest = np.setdiff1d(np.arange(len(patients)), test)
    share = recipe.validation_share
    parts = split_patients(
        [patients[row] for row in rest.tolist()], classes[rest], [1 - share, share],
        seed=recipe.seed + 1,
    )  # fmt: skip
    return Split(train=rest[parts == 0], validation=rest[parts == 1], test=test)
