"""People cancel runs, try them again, and run another version."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import AuditEvent
from inference.errors import ModelRetiredError, RunConflictError, TooManyRunsError
from inference.models import ModelVersion, Run
from inference.runs.claiming import claim_run, keep_claim
from inference.runs.control import cancel_run, retry_run, run_again
from inference.runs.dispatching import due_runs
from inference.runs.finishing import fail_run, finish_run, stop_run
from inference.runs.reconciling import bring_back_lost
from inference.runs.types import RunOutcome
from tests.builders.runs import claimed_run, due_run
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Series

pytestmark = pytest.mark.django_db


@pytest.fixture
def asker(radiologist: User) -> Asker:
    return Asker(door="api", user=radiologist)


def test_queued_run_is_cancelled_at_once(series: Series, asker: Asker) -> None:
    run = due_run(series)

    cancel_run(asker=asker, run_id=run.pk)

    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert due_runs() == []
    assert claim_run(run.pk) is None
    assert AuditEvent.objects.filter(act="cancel-run").exists()


def test_running_run_is_told_to_stop(series: Series, asker: Asker) -> None:
    run = claimed_run(series)
    assert keep_claim(run)

    cancel_run(asker=asker, run_id=run.pk)

    assert not keep_claim(run)
    stop_run(run)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_cancelled_run_is_not_tried_again_when_it_fails(series: Series, asker: Asker) -> None:
    run = claimed_run(series)
    cancel_run(asker=asker, run_id=run.pk)

    fail_run(run, "disk", is_retriable=True)

    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_cancelled_run_whose_worker_died_stays_cancelled(series: Series, asker: Asker) -> None:
    run = claimed_run(series)
    cancel_run(asker=asker, run_id=run.pk)
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    bring_back_lost()

    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_run_that_is_over_can_not_be_cancelled(series: Series, asker: Asker) -> None:
    run = claimed_run(series)
    finish_run(run, RunOutcome(device="cpu"))

    with pytest.raises(RunConflictError):
        cancel_run(asker=asker, run_id=run.pk)
    with pytest.raises(RunConflictError):
        retry_run(asker=asker, run_id=run.pk)


def test_failed_run_is_tried_again_by_a_run_that_names_it(series: Series, asker: Asker) -> None:
    run = claimed_run(series, priority=9)
    fail_run(run, "broken", is_retriable=False)

    again = retry_run(asker=asker, run_id=run.pk)

    assert (again.again_of_id, again.state, again.priority) == (run.pk, Run.State.QUEUED, 9)
    assert again.requested_by == asker.user


@pytest.mark.parametrize("is_shadow", [True, False])
def test_failed_trial_is_tried_again_as_a_trial(
    series: Series, asker: Asker, is_shadow: bool
) -> None:
    run = claimed_run(series, is_shadow=is_shadow)
    fail_run(run, "broken", is_retriable=False)

    assert retry_run(asker=asker, run_id=run.pk).is_shadow is is_shadow


def test_another_version_runs_on_the_same_series(series: Series, asker: Asker) -> None:
    run = claimed_run(series)
    finish_run(run, RunOutcome(device="cpu"))
    newer = ModelVersionFactory(name=run.model_version.name, version="2")
    other = ModelVersionFactory(name="another")

    first = run_again(asker=asker, run_id=run.pk, version="2")
    second = run_again(asker=asker, run_id=run.pk, version="another:1")

    assert (first.model_version, second.model_version) == (newer, other)
    assert first.series == second.series == series


def test_what_is_retired_or_unknown_does_not_run_again(series: Series, asker: Asker) -> None:
    run = claimed_run(series)
    retired = ModelVersionFactory(state=ModelVersion.State.RETIRED)

    with pytest.raises(ModelRetiredError):
        run_again(asker=asker, run_id=run.pk, version=f"{retired.name}:1")
    with pytest.raises(NotVisibleError):
        run_again(asker=asker, run_id=run.pk, version="77")


def test_rights_hold_for_every_act(series: Series, outsider: User, colleague: User) -> None:
    run = due_run(series)

    with pytest.raises(NotVisibleError):
        cancel_run(asker=Asker(door="api", user=outsider), run_id=run.pk)
    with pytest.raises(NotAllowedError):
        cancel_run(asker=Asker(door="api", user=colleague), run_id=run.pk)
    with pytest.raises(NotVisibleError):
        retry_run(asker=Asker(door="api"), run_id=run.pk)


def test_one_account_waits_for_so_many_runs(series: Series, asker: Asker, settings: object) -> None:
    settings.TWINSIGHT_RUNS_OPEN_PER_USER = 1
    run = claimed_run(series)
    finish_run(run, RunOutcome(device="cpu"))
    ModelVersionFactory(name=run.model_version.name, version="2")
    ModelVersionFactory(name=run.model_version.name, version="3")
    run_again(asker=asker, run_id=run.pk, version="2")

    with pytest.raises(TooManyRunsError):
        run_again(asker=asker, run_id=run.pk, version="3")


def test_one_account_asks_for_so_many_runs_a_day(
    series: Series, asker: Asker, settings: object
) -> None:
    settings.TWINSIGHT_RUNS_PER_USER_PER_DAY = 1
    run = claimed_run(series)
    fail_run(run, "broken", is_retriable=False)
    again = retry_run(asker=asker, run_id=run.pk)
    cancel_run(asker=asker, run_id=again.pk)

    with pytest.raises(TooManyRunsError):
        retry_run(asker=asker, run_id=run.pk)
