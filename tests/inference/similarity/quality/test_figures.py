"""Figures of retrieval on vectors whose answers are known by hand."""

import numpy as np
import pytest

from inference.similarity.quality.figures import (
    NAMES,
    Gallery,
    QueryFigures,
    comparable,
    difference,
    mean_with_interval,
    measure,
    sample_queries,
    scores_between,
    summarise,
)


def on_a_line(*places):
    """Points on a line: the Euclidean distance orders them."""
    return np.array([[place, 0.0] for place in places], dtype=np.float32)


def labelled(text):
    return [frozenset(one.split("+")) for one in text.split()]


def gallery(places, labels, patients=None, metric="euclidean"):
    vectors = on_a_line(*places)
    keys = np.arange(len(vectors)) if patients is None else np.array(patients)
    return Gallery(vectors, keys, labelled(labels), metric)


def value(figures, name, query=0):
    return figures.values[list(figures.queries).index(query)][NAMES.index(name)]


def test_measure_gives_the_figures_of_a_ranking_known_by_hand():
    # From 0 the others come as b a b a: hits at places 2 and 4.
    found = measure(gallery([0, 1, 2, 3, 4], "a b a b a"))

    assert value(found, "p_at_1") == 0
    # Four others: the share of the first five is a share of four.
    assert value(found, "p_at_5") == pytest.approx(2 / 4)
    assert value(found, "recall_at_10") == 1
    assert value(found, "map") == pytest.approx((1 / 2 + 2 / 4) / 2)
    gained = 1 / np.log2(3) + 1 / np.log2(5)
    assert value(found, "ndcg_at_10") == pytest.approx(gained / (1 + 1 / np.log2(3)))
    assert value(found, "chance") == pytest.approx(2 / 4)


def test_measure_counts_precision_and_recall_at_their_depths():
    places = list(range(21))
    labels = "a " + "a b b b b " * 4
    found = measure(gallery(places, labels))

    # Hits at places 1, 6, 11 and 16.
    assert value(found, "p_at_1") == 1
    assert value(found, "p_at_5") == pytest.approx(1 / 5)
    assert value(found, "p_at_10") == pytest.approx(2 / 10)
    assert value(found, "recall_at_10") == pytest.approx(2 / 4)
    assert value(found, "recall_at_50") == 1


def test_measure_leaves_the_own_patient_out():
    # The nearest, of the same label, is of the same patient.
    found = measure(gallery([0, 1, 2, 3], "a a b a", patients=[7, 7, 8, 9]))

    assert value(found, "p_at_1") == 0
    assert value(found, "map") == pytest.approx(1 / 2)


def test_measure_leaves_out_queries_without_anything_to_find():
    found = measure(gallery([0, 1, 2, 3], "a a b a", patients=[7, 7, 8, 7]))

    assert len(found.queries) == 0
    assert summarise(found)["queries"] == 0
    assert summarise(found)["map"] == [None, None, None]


def test_measure_takes_any_shared_label_for_alike():
    found = measure(gallery([0, 1, 2, 9], "a+c b c b"))

    assert value(found, "p_at_1") == 0
    assert value(found, "map") == pytest.approx(1 / 2)


def test_measure_of_some_queries_keeps_the_gallery_whole():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 8)).astype(np.float32)
    labels = [frozenset([str(one)]) for one in rng.integers(0, 3, 300)]
    everything = Gallery(vectors, rng.integers(0, 50, 300), labels)

    all_of_them = measure(everything)
    some = measure(everything, np.array([5, 17, 250]))

    rows = [list(all_of_them.queries).index(row) for row in (5, 17, 250)]
    np.testing.assert_array_equal(some.values, all_of_them.values[rows])


def test_measure_in_chunks_is_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    labels = [frozenset([str(one)]) for one in rng.integers(0, 4, 60)]
    material = Gallery(vectors, rng.integers(0, 20, 60), labels)
    at_once = measure(material)

    monkeypatch.setattr("inference.similarity.quality.figures._SCORES_AT_ONCE", 130)

    np.testing.assert_allclose(measure(material).values, at_once.values)


def test_measure_agrees_with_counting_by_hand():
    rng = np.random.default_rng(2)
    vectors = comparable(rng.normal(size=(40, 6)).astype(np.float32), "cosine")
    names = rng.integers(0, 3, 40)
    found = measure(Gallery(vectors, np.arange(40), [frozenset([str(one)]) for one in names]))

    for row in range(40):
        others = [other for other in range(40) if other != row]
        others.sort(key=lambda other: -float(vectors[row] @ vectors[other]))
        right = [bool(names[other] == names[row]) for other in others]
        at_hits = [sum(right[: place + 1]) / (place + 1) for place in range(39) if right[place]]
        assert value(found, "map", row) == pytest.approx(sum(at_hits) / len(at_hits))
        gain = sum(hit / np.log2(place + 2) for place, hit in enumerate(right[:10]))
        best = sum(1 / np.log2(place + 2) for place in range(min(10, len(at_hits))))
        assert value(found, "ndcg_at_10", row) == pytest.approx(gain / best)
        assert value(found, "recall_at_10", row) == pytest.approx(sum(right[:10]) / len(at_hits))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cosine", [1.0, 0.6]),
        ("bhattacharyya", [1.0, 0.6]),
        ("inner_product", [25.0, 6.0]),
        ("euclidean", [1.0, 1 / (1 + np.sqrt(17))]),
    ],
)
def test_scores_between_are_those_of_the_search(metric, expected):
    vectors = comparable(np.array([[3.0, 4.0], [2.0, 0.0]], dtype=np.float32), metric)

    scores = scores_between(vectors[:1], vectors, metric)

    np.testing.assert_allclose(scores[0], expected, rtol=1e-5)


def test_sample_queries_takes_all_of_few_and_draws_the_same_of_many():
    assert sample_queries(5, 10).tolist() == [0, 1, 2, 3, 4]
    drawn = sample_queries(1000, 10)
    assert len(set(drawn.tolist())) == 10
    assert drawn.tolist() == sorted(drawn.tolist()) == sample_queries(1000, 10).tolist()


def world(rng, patients, images, *, apart=1.5):
    """Patients of two labels; a patient's images are alike, and so are its figures."""
    centres = rng.normal(size=(patients, 3)).astype(np.float32) * 2
    labels = rng.integers(0, 2, patients)
    centres[:, 0] += labels * apart
    vectors = np.repeat(centres, images, axis=0) + 0.1 * rng.normal(size=(patients * images, 3))
    names = [frozenset([str(labels[number // images])]) for number in range(patients * images)]
    owners = np.repeat(np.arange(patients), images)
    return Gallery(vectors.astype(np.float32), owners, names, "euclidean")


def test_interval_is_over_patients_and_not_over_their_images():
    one_image = summarise(measure(world(np.random.default_rng(3), 40, 1)))
    ten_images = summarise(measure(world(np.random.default_rng(3), 40, 10)))

    def width(cell):
        return cell["map"][2] - cell["map"][1]

    assert ten_images["patients"] == 40
    # Ten times the images say little more of forty patients; over images it would be a third.
    assert width(ten_images) > 0.6 * width(one_image)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    truth, covered, rounds = 0.6, 0, 200
    for number in range(rounds):
        chances = rng.beta(6, 4, 60)
        patients = np.repeat(np.arange(60), 5)
        hits = rng.random(300) < chances[patients]
        values = np.tile(hits[:, None].astype(float), (1, len(NAMES)))
        figures = QueryFigures(np.arange(300), patients, values)
        _, low, high = summarise(figures, resamples=300, seed=number)["map"]
        covered += low <= truth <= high
    # 95 % stated; at 200 rounds chance alone gives 90 to 99 %.
    assert 0.89 <= covered / rounds <= 0.995


def test_interval_of_two_patients_is_not_given():
    cell = summarise(measure(gallery([0, 1, 2, 3], "a a b b", patients=[1, 2, 1, 2])))

    assert cell["queries"] == 4
    assert cell["map"][0] is not None
    assert cell["map"][1:] == [None, None]


def test_difference_is_that_of_the_same_queries():
    rng = np.random.default_rng(5)
    material = world(rng, 60, 1, apart=6)
    worse = material.vectors + rng.normal(size=material.vectors.shape).astype(np.float32) * 9
    first = measure(Gallery(worse, material.patients, material.labels, "euclidean"))
    second = measure(material)

    cell = difference(first, second)

    assert cell["map"][0] == pytest.approx(
        summarise(second)["map"][0] - summarise(first)["map"][0], abs=2e-4
    )
    assert cell["map"][1] > 0


def test_difference_of_a_space_with_itself_is_nothing():
    found = measure(world(np.random.default_rng(6), 30, 1))

    assert difference(found, found)["map"] == [0, 0, 0]


def test_mean_with_interval_of_nothing_says_nothing():
    assert mean_with_interval([]) == [None, None, None]


@pytest.mark.parametrize("patients", [5, 28])
def test_all_right_and_all_wrong_leave_doubt_by_the_number_of_patients(patients):
    """Clopper and Pearson's interval of n of n is [(1 - confidence) / 2] ** (1 / n) to 1."""
    doubt = round(0.025 ** (1 / patients), 4)

    assert mean_with_interval([1.0] * patients) == [1, doubt, 1]
    assert mean_with_interval([0.0] * patients) == [0, 0, round(1 - doubt, 4)]
    places = [number % 2 * 100 + number for number in range(2 * patients)]
    cell = summarise(measure(gallery(places, "a b " * patients)))
    assert cell["p_at_1"] == [1, round(0.025 ** (1 / (2 * patients)), 4), 1]
