"""What a person is asked to label next."""

from __future__ import annotations

import numpy as np
import pytest

from inference.models import Label
from inference.training.active_learning import (
    Strategy,
    class_shares,
    doubt_of,
    farthest_first,
    labelling_queue,
)
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.archive import PatientFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def space(db):
    return make_space(is_default=True)


@pytest.fixture
def case(space, project):
    def make(degree, label="", **options):
        series = make_case(space, [direction(degree)], projects=[project], **options)
        if label:
            Label.objects.create(study=series.study, series=series, label_set="s", label=label)
        return series

    return make


def queue_of(user, strategy, limit=12):
    queue = labelling_queue(user, "s", strategy=Strategy(strategy), limit=limit)
    return [one.series_uid for one in queue.candidates]


def test_votes_of_near_neighbours_weigh_more():
    shares = class_shares(np.array([0.99, 0.7]), np.array([[1.0, 0.0], [0.0, 1.0]]))

    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] > 0.75
    assert class_shares(np.array([]), np.zeros((0, 2))).tolist() == [0.5, 0.5]


def test_doubt_is_none_where_sure_and_whole_where_all_is_alike():
    assert doubt_of(np.array([1.0, 0.0])) == pytest.approx(0.0)
    assert doubt_of(np.array([0.25] * 4)) == pytest.approx(1.0)
    assert doubt_of(np.array([1.0])) == 0.0


def test_farthest_come_first_and_none_twice():
    angles = np.radians([0, 5, 90, 45])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    assert farthest_first(vectors, vectors[:1], 3) == [2, 3, 1]
    assert sorted(farthest_first(vectors, np.empty((0, 0), dtype=np.float32), 9)) == [0, 1, 2, 3]
    assert farthest_first(vectors[:0], vectors, 3) == []


def test_uncertain_lies_between_the_classes(case, radiologist):
    for step in range(3):
        case(0.0 + step * 0.02, "a")
        case(1.4 + step * 0.02, "b")
    sure, between = case(0.05), case(0.72)

    assert queue_of(radiologist, "uncertain") == [
        between.series_instance_uid,
        sure.series_instance_uid,
    ]
    queue = labelling_queue(radiologist, "s", strategy=Strategy.UNCERTAIN)
    assert queue.classes == ("a", "b")
    assert (queue.labelled, queue.unlabelled) == (6, 2)
    first, second = queue.candidates
    assert first.doubt > second.doubt
    assert second.guess == "a"


def test_diverse_is_far_from_all_that_is_labelled(case, radiologist):
    case(0.0, "a")
    near, far = case(0.1), case(1.3)

    assert queue_of(radiologist, "diverse", limit=1) == [far.series_instance_uid]
    assert set(queue_of(radiologist, "diverse")) == {
        near.series_instance_uid,
        far.series_instance_uid,
    }


def test_disputed_is_labelled_otherwise_than_its_neighbours(case, radiologist):
    for step in range(4):
        case(step * 0.02, "a")
        case(1.4 + step * 0.02, "b")
    odd = case(0.03, "b")

    (found,) = labelling_queue(radiologist, "s", strategy=Strategy.DISPUTED).candidates

    assert (found.series_uid, found.guess, found.given) == (odd.series_instance_uid, "a", ("b",))


def test_own_patient_is_no_neighbour(case, radiologist):
    patient = PatientFactory()
    for step in range(3):
        case(step * 0.02, "a")
        case(1.4 + step * 0.02, "b")
    case(0.71, "a", patient=patient)
    asked = case(0.7, patient=patient)

    queue = labelling_queue(radiologist, "s", strategy=Strategy.UNCERTAIN, limit=1)

    assert [one.series_uid for one in queue.candidates] == [asked.series_instance_uid]


def test_mixed_takes_turns_and_offers_nothing_twice(case, radiologist):
    for step in range(4):
        case(step * 0.02, "a")
        case(1.4 + step * 0.02, "b")
    case(0.03, "b")
    for degree in (0.7, 0.05, 1.0):
        case(degree)

    queue = labelling_queue(radiologist, "s", limit=4)

    uids = [one.series_uid for one in queue.candidates]
    assert len(set(uids)) == len(uids) == 4
    assert {one.reason for one in queue.candidates} >= {Strategy.UNCERTAIN, Strategy.DISPUTED}


def test_a_new_set_begins_with_what_is_most_different(case, radiologist):
    for degree in (0.0, 0.1, 1.5):
        case(degree)

    queue = labelling_queue(radiologist, "new")

    assert {one.reason for one in queue.candidates} == {Strategy.DIVERSE}
    assert len(queue.candidates) == 3
    assert queue.classes == ()


def test_only_projects_in_which_one_labels(case, colleague, outsider):
    case(0.0, "a")
    case(0.7)

    for user in (colleague, outsider):
        assert labelling_queue(user, "s").candidates == ()
