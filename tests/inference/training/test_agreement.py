"""Kappa against worked examples, and readers inside the asker's rights."""

import numpy as np
import pytest
from django.contrib.auth.models import User

from archive.audit.types import Asker
from inference.models import Label
from inference.training.agreement import (
    cohen_kappa,
    fleiss_kappa,
    readers_agreement,
    shared_label_sets,
)
from inference.training.labelling import NewLabel, add_labels
from tests.factories.archive import SeriesFactory, StudyFactory


def test_cohen_of_two_readers_of_grant_proposals():
    # Both yes 20, yes/no 5, no/yes 10, both no 15: observed .70, by chance .50.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15

    kappa = cohen_kappa(first, second)

    assert kappa.value == pytest.approx(0.4)
    assert (kappa.observed, kappa.expected) == pytest.approx((0.7, 0.5))
    # The large-sample standard error of this table is .1273 (as statsmodels gives it).
    assert (kappa.high - kappa.low) / 2 / 1.959964 == pytest.approx(0.1273, abs=2e-3)
    assert kappa.words == "fair"


def test_cohen_of_equal_and_of_constant_readers():
    assert cohen_kappa(["a", "b", "a"], ["a", "b", "a"]).value == pytest.approx(1.0)
    assert cohen_kappa(["a", "a"], ["a", "a"]).value is None


def test_fleiss_of_fourteen_readers_and_ten_subjects():
    # The example of Fleiss' kappa that textbooks share: .210.
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]

    kappa = fleiss_kappa(np.array(table))

    assert kappa.value == pytest.approx(0.210, abs=5e-4)
    assert (kappa.observed, kappa.expected) == pytest.approx((0.378, 0.213), abs=5e-4)
    assert kappa.low < kappa.value < kappa.high


def test_fleiss_leaves_out_what_one_reader_saw_alone():
    with_single = fleiss_kappa(np.array([[2, 0], [0, 2], [1, 1], [1, 0]]))

    assert with_single.objects == 3
    assert with_single.value == pytest.approx(
        fleiss_kappa(np.array([[2, 0], [0, 2], [1, 1]])).value
    )
    assert fleiss_kappa(np.zeros((0, 2), dtype=np.int64)).value is None


@pytest.fixture
def second_reader(project):
    from archive.models import Membership

    user = User.objects.create_user("second", password="a long enough password")
    Membership.objects.create(user=user, project=project, role="annotator")
    return user


def say(user, series, label):
    add_labels(
        asker=Asker(door="tests", user=user),
        labels=[NewLabel(label_set="finding", label=label, series=series.series_instance_uid)],
        is_replacing=True,
    )


@pytest.mark.django_db
def test_readers_of_a_set_are_compared(radiologist, second_reader, colleague, outsider, project):
    series = [SeriesFactory(study=StudyFactory(projects=[project])) for _ in range(4)]
    for one, label in zip(series, ["mass", "none", "mass", "none"], strict=True):
        say(radiologist, one, label)
    for one, label in zip(series[:3], ["mass", "none", "none"], strict=True):
        say(second_reader, one, label)

    found = readers_agreement(second_reader, "finding")

    assert (found.objects, found.read_by_several) == (4, 3)
    assert found.readers == (("radiologist", 4), ("second", 3))
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.kappa.objects) == ("radiologist", "second", 3)
    assert pair.kappa.value == pytest.approx(0.4)
    assert found.fleiss.objects == 3
    assert found.confusions == (("mass", "none", 1),)
    assert shared_label_sets(second_reader) == ["finding"]
    for user in (outsider, colleague):
        assert shared_label_sets(user) == []
        assert readers_agreement(user, "finding").objects == 0


@pytest.mark.django_db
def test_a_reader_who_changes_their_mind_has_one_answer(radiologist, project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))

    say(radiologist, series, "mass")
    say(radiologist, series, "none")

    assert list(Label.objects.values_list("label", flat=True)) == ["none"]
