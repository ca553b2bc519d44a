"""What the scheduler calls."""

from datetime import timedelta

import pytest
from django.utils import timezone

from inference.models import SearchSession, SeriesText
from inference.similarity.searches.sessions import start_session
from inference.similarity.spaces.registry import drop_space_index, ensure_space_indexes
from inference.similarity.tasks import (
    find_new_matches_task,
    reconcile_indexes_task,
    reconcile_words_task,
    refresh_quantiles_task,
    refresh_words_task,
)
from inference.similarity.types import SimilarQuery
from tests.factories.archive import SeriesFactory, StudyFactory

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


def test_find_new_matches_task_tells_of_what_has_settled(radiologist, space, project):
    query = SimilarQuery(text="nodule")
    session = start_session(radiologist, query, name="Nodules", is_notifying=True)
    series = SeriesFactory(study=StudyFactory(projects=[project]), series_description="nodule")
    assert reconcile_words_task() == 1
    assert refresh_words_task() == 1
    assert find_new_matches_task() == 0

    SeriesText.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    SearchSession.objects.update(notified_through=0)

    assert find_new_matches_task() == 1
    assert session.matches.get().series == series
