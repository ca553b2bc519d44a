"""What the scheduler calls."""

import pytest

from inference.similarity.spaces import drop_space_index, ensure_space_indexes
from inference.similarity.tasks import reconcile_indexes_task, refresh_quantiles_task

pytestmark = pytest.mark.django_db


def test_reconcile_indexes_task_makes_missing_indexes(space):
    drop_space_index(space)

    reconcile_indexes_task()

    assert ensure_space_indexes(space) == []


def test_refresh_quantiles_task_measures_a_space_whose_vectors_are_gone(space):
    space.random_pair_quantiles = {"series": [0.0, 1.0], "rows": 2}
    space.save()

    refresh_quantiles_task()

    space.refresh_from_db()
    assert space.random_pair_quantiles == {"rows": 0}
