import numpy as np
import pytest

from bench.retrieval_figures import (
    HEADER,
    Figures,
    Material,
    average_precision,
    by_cosine,
    figures_of,
    kin_of,
    line,
    read_material,
    two_folds,
)
from tests.builders.labelled_images import make_striped_set


def material(labels, patients, groups=None):
    return Material(
        images=(None,) * len(labels),
        labels=np.array(list(labels)),
        patients=np.array(list(patients)),
        groups=np.array(groups or [""] * len(labels)),
        kin=np.unique(list(patients), return_inverse=True)[1],
    )


def test_perfect_neighbours_have_all_figures_at_one():
    vectors = np.repeat(np.eye(4, dtype=np.float32)[:2], 3, axis=0)

    found = figures_of(material("aaabbb", "123456", ["cxr"] * 6), by_cosine(vectors))

    assert found.queries == 6
    assert found.precision_at_1 == found.mean_average_precision == 1
    assert found.precision_at_5 == pytest.approx(2 / 5)
    assert found.within[0] == 1
    assert np.isnan(found.within[1:]).all()


def test_the_querys_own_patient_is_left_out():
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 0]]

    found = figures_of(material("aaab", "1123"), by_cosine(vectors))

    # Both images of patient 1 have patient 2 as the only relevant one, and it is farther than b.
    assert found.queries == 3
    assert found.precision_at_1 == pytest.approx(1 / 3)


def test_only_the_chosen_ask_and_are_found():
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 0, 1]]

    found = figures_of(material("aaaa", "1234"), by_cosine(vectors), np.array([0, 3]))

    assert found.queries == 2
    assert found.precision_at_5 == 1


def test_within_a_group_only_its_images_count():
    order = np.array([1, 2, 3, 0])
    groups = ["us", "", "us", "us"]

    found = figures_of(material("axba", "1234", groups), lambda query: order)

    # Of image 0: b, then a, with x between them left out.
    assert found.within[2] == pytest.approx((1 / 2 + 1 / 2) / 2)


def test_average_precision_of_a_known_list():
    relevant = np.array([True, False, True, False])
    assert average_precision(relevant) == pytest.approx((1 + 2 / 3) / 2)


def test_kin_are_chains_of_patients_and_near_duplicates():
    thumbnails = np.eye(5)
    thumbnails[1] = thumbnails[0]
    kin = kin_of(thumbnails, np.array(["p", "q", "q", "r", "s"]))
    assert kin.tolist() == [0, 0, 0, 3, 4]


def test_folds_keep_kin_together_and_classes_even():
    patients = [str(index // 2) for index in range(80)]
    one = material("ab" * 40, patients)

    halves = two_folds(one, 3)

    assert (halves[::2] == halves[1::2]).all()
    for label in "ab":
        assert abs((halves[one.labels == label] == 0).sum() - 20) <= 1
    assert (two_folds(one, 3) == halves).all()
    assert (two_folds(one, 4) != halves).any()


def test_material_of_a_folder_knows_groups_and_kin(tmp_path):
    found = read_material(make_striped_set(tmp_path, count=6))

    assert found.groups.tolist() == ["g"] * 6
    assert len(found) == 6
    assert found.kin.shape == (6,)


def test_a_line_weighs_halves_by_their_queries():
    halves = [
        Figures(30, 1.0, 1.0, 1.0, 1.0, (1.0,) * 3),
        Figures(10, 0.0, 0.0, 0.0, 0.0, (0.0,) * 3),
    ]
    row = line("x", 7, halves)
    assert row == "| x | 7 | " + " | ".join(["0.750"] * 7) + " |"
    assert row.count("|") == HEADER.splitlines()[0].count("|")
