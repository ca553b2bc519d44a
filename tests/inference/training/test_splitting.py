import numpy as np
import pytest

from inference.training.recipe import Recipe
from inference.training.splitting import last_split, split_patients, splits_of

RNG = np.random.default_rng(1)
PATIENTS = [f"p{number}" for number in RNG.integers(0, 60, 300)]
CLASSES = RNG.integers(0, 3, 300)


def patients_of(rows):
    return {PATIENTS[row] for row in rows.tolist()}


def test_patient_is_in_one_part_and_parts_have_their_shares():
    parts = split_patients(PATIENTS, CLASSES, [0.7, 0.1, 0.2], seed=0)

    for patient in set(PATIENTS):
        rows = [row for row, one in enumerate(PATIENTS) if one == patient]
        assert len(set(parts[rows])) == 1
    shares = np.bincount(parts, minlength=3) / len(parts)
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.06)
    for part in range(3):
        assert set(CLASSES[parts == part]) == {0, 1, 2}


@pytest.mark.parametrize("folds", [0, 4])
def test_splits_share_no_patient(folds):
    splits = splits_of(Recipe(name="x", label_set="y", folds=folds), PATIENTS, CLASSES)

    assert len(splits) == max(1, folds)
    for split in splits:
        parts = [patients_of(rows) for rows in (split.train, split.validation, split.test)]
        assert all(parts)
        assert not parts[0] & parts[1]
        assert not (parts[0] | parts[1]) & parts[2]
        assert sum(map(len, (split.train, split.validation, split.test))) == 300


def test_folds_judge_every_row_once_and_the_last_model_leaves_none_out():
    recipe = Recipe(name="x", label_set="y", folds=5)
    judged = np.concatenate([split.test for split in splits_of(recipe, PATIENTS, CLASSES)])
    assert sorted(judged.tolist()) == list(range(300))

    last = last_split(recipe, PATIENTS, CLASSES)
    assert len(last.test) == 0
    assert len(last.train) + len(last.validation) == 300


def test_split_is_the_same_again_and_another_by_another_seed():
    first = split_patients(PATIENTS, CLASSES, [0.5, 0.5], seed=0)
    assert (first == split_patients(PATIENTS, CLASSES, [0.5, 0.5], seed=0)).all()
    assert (first != split_patients(PATIENTS, CLASSES, [0.5, 0.5], seed=1)).any()
