"""Runs stop on what was deleted, and are queued again on what is shown again."""

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.types import ObjectPath
from archive.events.types import InstancesWithheld
from archive.models import Series
from inference.models import Run
from inference.runs.selectors import visible_runs
from inference.runs.withholding import stop_runs_on
from inference.similarity.tasks import refresh_means_task
from inference.subscribers import handle_instances_withheld
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs(project):
    study = StudyFactory(projects=[project])
    series = SeriesFactory(study=study)
    InstanceFactory(series=series)
    return {
        state: Run.objects.create(
            model_version=ModelVersionFactory(),
            study=study,
            series=series,
            state=state,
            not_before=timezone.now(),
        )
        for state in (Run.State.QUEUED, Run.State.RUNNING, Run.State.SUCCEEDED)
    }


def test_runs_on_deleted_series_stop(runs, archive_admin):
    series = Series.objects.get()
    assert stop_runs_on([series.pk]) == 0
    asker = Asker(door="test", user=archive_admin)
    path = ObjectPath(series.study.study_instance_uid)
    removal = remove_objects(asker=asker, path=path, reason="wrong")

    handle_instances_withheld(InstancesWithheld([], [series.pk], [series.study_id], is_shown=False))

    for run in runs.values():
        run.refresh_from_db()
    assert runs[Run.State.QUEUED].state == Run.State.CANCELLED
    assert runs[Run.State.RUNNING].cancel_requested_at
    assert runs[Run.State.SUCCEEDED].state == Run.State.SUCCEEDED
    undo_removal(asker=asker, removal_id=removal.pk)
    assert stop_runs_on([series.pk]) == 0


def test_runs_on_what_was_deleted_are_seen_by_nobody_until_that_is_undone(runs, archive_admin):
    asker = Asker(door="test", user=archive_admin)
    assert visible_runs(archive_admin).count() == 3
    path = ObjectPath(Series.objects.get().study.study_instance_uid)
    removal = remove_objects(asker=asker, path=path, reason="wrong")

    assert not visible_runs(archive_admin).exists()

    undo_removal(asker=asker, removal_id=removal.pk)
    assert visible_runs(archive_admin).count() == 3


@pytest.mark.parametrize("is_shown", [True, False])
def test_means_are_taken_anew_of_series_whose_images_went_or_came_back(is_shown, runs, monkeypatch):
    sent = []
    monkeypatch.setattr(refresh_means_task, "apply_async", lambda given, queue: sent.append(given))
    series = Series.objects.get()

    event = InstancesWithheld([], [series.pk], [series.study_id], is_shown=is_shown)
    handle_instances_withheld(event)

    assert sent == [([series.pk],)]
