"""The rule behind a cut, on numbers chosen by hand."""

import numpy as np
import pytest

from inference.similarity.quality.cuts import (
    NEIGHBOURS,
    Neighbours,
    cut_of,
    lowest_precise,
    nearest_others,
    together,
)
from inference.similarity.quality.figures import comparable

ASKED = 101


def neighbours():
    """Queries 0 to 100 with ten neighbours each, all at the score of the query's percentage."""
    scores = np.repeat(np.arange(ASKED)[:, None] / 100, NEIGHBOURS, axis=1).astype(np.float32)
    found = ASKED + np.tile(np.arange(NEIGHBOURS), (ASKED, 1))
    return Neighbours(np.arange(ASKED), found, scores)


def labels_of_queries(right, *, agreeing):
    """Label the queries `right` as `agreeing` of the ten neighbours are, the rest as none is."""
    found = ["x"] * agreeing + ["y"] * (NEIGHBOURS - agreeing)
    asked = ["x" if row in right else "z" for row in range(ASKED)]
    return [frozenset([label]) for label in asked + found]


def test_cut_without_labels_is_the_five_percent_quantile():
    cut = cut_of(neighbours())

    assert cut.cut == 0.05
    assert cut.lowest == 0.01
    assert cut.nearest_quantiles[50] == 0.5


def test_cut_with_labels_is_where_four_of_five_still_agree():
    assert cut_of(neighbours(), [labels_of_queries(range(8, 101), agreeing=8)]).cut == 0.08


def test_labels_raise_the_cut_no_further_than_its_bound():
    assert cut_of(neighbours(), [labels_of_queries(range(60, 101), agreeing=8)]).cut == 0.1


def test_labels_that_agree_everywhere_do_not_lower_the_cut():
    everywhere = labels_of_queries(range(101), agreeing=9)
    everywhere[0] = frozenset(["w"])

    assert cut_of(neighbours(), [everywhere]).cut == 0.05


def test_the_strictest_set_of_labels_counts():
    easy = labels_of_queries(range(2, 101), agreeing=9)
    hard = labels_of_queries(range(8, 101), agreeing=8)

    assert cut_of(neighbours(), [easy, hard]).cut == 0.08


def test_labels_on_few_pairs_say_nothing():
    labels = labels_of_queries(range(8, 101), agreeing=8)
    for row in range(ASKED):
        if row % 10:
            labels[row] = frozenset()

    assert cut_of(neighbours(), [labels]).cut == 0.05


def test_labels_that_never_agree_enough_say_nothing():
    assert cut_of(neighbours(), [labels_of_queries(range(101), agreeing=5)]).cut == 0.05


@pytest.mark.parametrize(
    ("pairs", "cut"),
    [
        ([(0.9, True), (0.8, True), (0.7, True), (0.6, True), (0.5, False)], 0.5),
        ([(0.9, True), (0.8, False), (0.7, False)], 0.9),
        ([(0.9, False), (0.8, True)], None),
        ([], None),
    ],
)
def test_lowest_precise_is_where_four_of_five_still_agree(pairs, cut):
    assert lowest_precise(pairs) == cut


def test_nearest_others_leaves_the_own_patient_out():
    vectors = comparable(np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), "cosine")
    patients = np.repeat(np.arange(10), 3)

    found = nearest_others(vectors, patients, np.arange(30), "cosine")

    assert found.found.shape == (30, NEIGHBOURS)
    assert not (patients[found.found] == patients[found.asked][:, None]).any()
    expected = np.where(patients[:, None] == patients[None, :], -1, vectors @ vectors.T).max(axis=1)
    np.testing.assert_allclose(found.scores[:, 0], expected, rtol=1e-5)
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_nearest_others_passes_over_a_patient_with_nearly_everything():
    vectors = comparable(np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32), "cosine")
    patients = np.array([0] * 15 + [1, 2, 3, 4, 5])

    found = nearest_others(vectors, patients, np.arange(20), "cosine")

    assert found.asked.tolist() == [15, 16, 17, 18, 19]


def test_together_keeps_all():
    assert len(together([neighbours(), neighbours()]).asked) == 2 * ASKED
