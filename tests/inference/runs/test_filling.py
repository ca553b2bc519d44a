"""A new space is filled beside the old one: throttled, resumable, after whatever is fresh."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from archive.audit.types import Asker
from archive.models import OutboxEvent, Series
from inference.models import EmbeddingSpace, Run, SpaceFill
from inference.runs import filling, timing
from inference.runs.claiming import claim_run
from inference.runs.dispatching import due_runs
from inference.runs.filling import fill_spaces
from inference.runs.operations import fill_here, run_here
from inference.runs.queueing import queue_runs_for_series, request_run
from inference.runs.reconciling import reconcile_runs
from inference.runs.selectors import is_study_idle, runs_of_study
from inference.similarity.spaces.backfill import (
    complete_fill,
    progress_of,
    purge_retired_spaces,
    purge_vectors,
)
from inference.similarity.spaces.lifecycle import fill_space, pause_space, retire_space
from inference.similarity.spaces.registry import are_indexes_valid
from inference.training.adaptation import fit_components
from tests.builders.datasets import make_dataset
from tests.builders.spaces import keys_of, make_descriptor_space, series_in
from tests.builders.stored import store_datasets
from tests.factories.inference import RoutingRuleFactory

if TYPE_CHECKING:
    from archive.models import Project

pytestmark = pytest.mark.django_db

OPERATOR = Asker(door="command", name="test")


@pytest.fixture
def space() -> EmbeddingSpace:
    return make_descriptor_space()


def store_series(count: int, project: Project) -> list[Series]:
    stored = store_datasets(*(make_dataset() for _ in range(count)), project=project)
    return [instance.series for instance in stored]


def open_runs() -> list[int]:
    return list(Run.objects.filter(state=Run.State.QUEUED).values_list("pk", flat=True))


def rewind(space: EmbeddingSpace, **since: float) -> None:
    """Let the time pass that a throttle waits for."""
    SpaceFill.objects.filter(space=space).update(ticked_at=timezone.now() - timedelta(**since))


def work(space: EmbeddingSpace) -> None:
    """Tick and run until the space is ready, as beat and a worker do."""
    for _ in range(50):
        complete = fill_spaces()
        list(run_here(open_runs()))
        for key in complete:
            complete_fill(key)
        space.refresh_from_db()
        if space.state == EmbeddingSpace.State.READY:
            return
        rewind(space, minutes=1)
    pytest.fail("the space was not filled")


def test_registered_space_costs_nothing(space: EmbeddingSpace, project: Project) -> None:
    (series,) = store_series(1, project)

    queue_runs_for_series([series.pk])

    assert not Run.objects.exists()
    assert fill_spaces() == []
    assert not are_indexes_valid(space)


def test_filled_space_holds_every_series_and_is_indexed(
    space: EmbeddingSpace, project: Project
) -> None:
    series = store_series(3, project)

    fill_space(OPERATOR, space.name)
    work(space)

    assert series_in(space) == keys_of(series)
    assert are_indexes_valid(space)
    assert Run.objects.filter(is_background=True).count() == 3
    fill = SpaceFill.objects.get()
    assert (fill.number_of_series_done, fill.number_of_images_done) == (3, 3)
    assert fill.finished_at is not None


def test_fill_that_is_killed_half_way_goes_on_where_it_was(
    space: EmbeddingSpace, project: Project, settings: object
) -> None:
    settings.TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE = 2
    series = store_series(5, project)
    fill_space(OPERATOR, space.name)
    rewind(space, minutes=1)
    fill_spaces()
    done, lost = open_runs()
    # The worker dies with the second run in hand; nobody remembers anything but the rows.
    claim_run(lost)
    list(run_here([done]))
    Run.objects.filter(pk=lost).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert len(series_in(space)) == 1

    reconcile_runs()
    work(space)

    assert series_in(space) == keys_of(series)
    assert space.embeddings.filter(level="instance").count() == 5
    assert Run.objects.filter(state=Run.State.SUCCEEDED).count() == 5
    assert Run.objects.count() == 5


def test_throttle_hands_out_no_more_than_the_time_allows(
    space: EmbeddingSpace, project: Project, settings: object
) -> None:
    settings.TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE = 3
    store_series(6, project)
    fill_space(OPERATOR, space.name)
    rewind(space, hours=5)

    fill_spaces()
    fill_spaces()

    assert len(open_runs()) == 3


def test_only_some_runs_wait_for_the_workers_at_once(
    space: EmbeddingSpace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "OPEN_AT_ONCE", 2)
    store_series(4, project)
    fill_space(OPERATOR, space.name)
    rewind(space, minutes=1)

    fill_spaces()
    fill_spaces()

    assert len(open_runs()) == 2


def test_nothing_is_handed_out_before_a_fresh_series(
    space: EmbeddingSpace, project: Project
) -> None:
    store_series(2, project)
    fill_space(OPERATOR, space.name)
    rewind(space, minutes=1)
    RoutingRuleFactory()
    (fresh,) = store_series(1, project)
    queue_runs_for_series([fresh.pk])

    fill_spaces()

    filling = Run.objects.filter(is_background=True)
    # The new arrival's own vector in the space that is being filled, and no other.
    assert [run.series_id for run in filling] == [fresh.pk]
    assert due_runs() == list(Run.objects.filter(is_background=False).values_list("pk", flat=True))


def test_workers_get_the_background_little_at_a_time(
    space: EmbeddingSpace, project: Project
) -> None:
    store_series(5, project)
    fill_space(OPERATOR, space.name)
    rewind(space, minutes=1)
    fill_spaces()

    Series.objects.update(number_of_series_related_instances=60)

    first, second = due_runs(), due_runs()

    # Two of 60 images: a third would keep a fresh series waiting for too long.
    assert len(first) == 2
    assert second == []


def test_paused_space_is_left_alone_until_it_goes_on(
    space: EmbeddingSpace, project: Project
) -> None:
    before = store_series(2, project)
    fill_space(OPERATOR, space.name)
    pause_space(OPERATOR, space.name)
    rewind(space, minutes=1)
    meanwhile = store_series(1, project)
    queue_runs_for_series(keys_of(meanwhile))
    fill_spaces()
    assert not Run.objects.exists()

    fill_space(OPERATOR, space.name)
    work(space)

    assert series_in(space) == keys_of(before) | keys_of(meanwhile)


def test_new_arrivals_go_into_every_space_in_use(space: EmbeddingSpace, project: Project) -> None:
    ready = make_descriptor_space("texture-v1", state=EmbeddingSpace.State.READY)
    fill_space(OPERATOR, space.name)
    (series,) = store_series(1, project)

    queue_runs_for_series([series.pk])

    versions = {run.model_version_id for run in Run.objects.all()}
    assert versions == {space.model_version_id, ready.model_version_id}
    assert all(run.is_background for run in Run.objects.all())


def test_new_arrivals_are_projected_with_their_base(
    space: EmbeddingSpace, project: Project
) -> None:
    series = store_series(6, project)
    fill_space(OPERATOR, space.name)
    work(space)
    fitted = fit_components(OPERATOR, space=space.name, dimension=3).space
    for key in fill_spaces(is_throttled=False) + fill_spaces(is_throttled=False):
        complete_fill(key)
    assert series_in(fitted) == keys_of(series)

    (fresh,) = store_series(1, project)
    queue_runs_for_series([fresh.pk])
    list(run_here(open_runs()))

    assert series_in(fitted) == keys_of([*series, fresh])
    assert not Run.objects.filter(model_version=fitted.model_version).exists()


def test_space_that_is_wanted_again_keeps_its_vectors(
    space: EmbeddingSpace, project: Project
) -> None:
    store_series(2, project)
    fill_space(OPERATOR, space.name)
    work(space)
    retire_space(OPERATOR, space.name)
    space.refresh_from_db()
    fill_space(OPERATOR, space.name)

    # It was retired when the clearing began, and no longer is.
    assert purge_vectors(space) == 0
    assert len(series_in(space)) == 2


def test_background_keeps_no_study_busy(
    space: EmbeddingSpace, project: Project, radiologist: object
) -> None:
    fill_space(OPERATOR, space.name)
    (series,) = store_series(1, project)
    queue_runs_for_series([series.pk])
    uid = series.study.study_instance_uid
    # What the doors announced is not this test's.
    OutboxEvent.objects.all().delete()

    assert is_study_idle(radiologist, uid)
    assert not runs_of_study(radiologist, uid)


def test_run_that_a_person_asks_for_leaves_the_background(
    space: EmbeddingSpace, project: Project, radiologist: object
) -> None:
    fill_space(OPERATOR, space.name)
    (series,) = store_series(1, project)
    queue_runs_for_series([series.pk])

    request_run(
        asker=Asker(door="rest", user=radiologist),
        model=space.model_version.name,
        series_uid=series.series_instance_uid,
    )

    assert not Run.objects.get().is_background


def test_series_that_can_not_be_decoded_do_not_hold_a_space_back(
    space: EmbeddingSpace, project: Project
) -> None:
    (good,) = store_series(1, project)
    garbage = encapsulate([b"no JPEG 2000 codestream at all" * 4])
    broken = make_dataset(transfer_syntax=JPEG2000Lossless, PixelData=garbage)
    store_datasets(broken, project=project)
    fill_space(OPERATOR, space.name)

    work(space)

    assert series_in(space) == {good.pk}


def test_retired_space_is_cleared_and_can_be_filled_again(
    space: EmbeddingSpace, project: Project
) -> None:
    series = store_series(2, project)
    fill_space(OPERATOR, space.name)
    work(space)

    retire_space(OPERATOR, space.name)
    assert purge_retired_spaces() == 4
    assert not series_in(space)
    assert not are_indexes_valid(space)

    fill_space(OPERATOR, space.name)
    work(space)
    assert series_in(space) == keys_of(series)


def test_fill_here_goes_as_fast_as_it_can_and_stops_at_the_limit(
    space: EmbeddingSpace, project: Project, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE = 1
    monkeypatch.setattr(filling, "OPEN_AT_ONCE", 2)
    store_series(5, project)

    list(fill_here(OPERATOR, space, limit=1))
    assert len(series_in(space)) == 2
    *_, last = fill_here(OPERATOR, space)

    assert (last.state, last.percent) == ("ready", 100)
    assert len(series_in(space)) == 5


def test_space_whose_model_fails_pauses_and_is_not_ready(
    space: EmbeddingSpace, project: Project
) -> None:
    series = store_series(2, project)
    # Another release's descriptor: this one can't make its vectors.
    EmbeddingSpace.objects.filter(pk=space.pk).update(preprocessing_version="0")
    fill_space(OPERATOR, space.name)
    rewind(space, minutes=1)

    for _ in range(3):
        for key in fill_spaces():
            complete_fill(key)
        Run.objects.update(attempts=timing.MAX_ATTEMPTS)
        list(run_here(open_runs()))

    space.refresh_from_db()
    assert space.state == EmbeddingSpace.State.FILLING
    progress = progress_of(EmbeddingSpace.objects.select_related("fill").get(pk=space.pk))
    assert progress is not None
    assert (progress.is_paused, progress.series_failed) == (True, 2)

    EmbeddingSpace.objects.filter(pk=space.pk).update(preprocessing_version="1")
    fill_space(OPERATOR, space.name)
    work(space)
    assert series_in(space) == keys_of(series)


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_hand_out_no_series_twice(space: EmbeddingSpace, project: Project) -> None:
    series = store_series(4, project)
    fill_space(OPERATOR, space.name)
    rewind(space, minutes=1)

    def tick() -> None:
        try:
            fill_spaces()
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(tick) for _ in range(6)]:
            done.result()

    assert sorted(Run.objects.values_list("series", flat=True)) == sorted(keys_of(series))
