"""A run is claimed once, finished once, and never lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import NotAllowedError, NotVisibleError
from inference.models import ModelVersion, Run
from inference.runs import services
from inference.runs.types import FindingValue, RunOutcome
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project, Series

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project: Project) -> Series:
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    InstanceFactory.create_batch(2, series=series)
    series.number_of_series_related_instances = 2
    series.save()
    return series


def queued(series: Series, version: ModelVersion | None = None) -> Run:
    run = services.queue_run(version=version or ModelVersionFactory(), series=series)
    Run.objects.filter(pk=run.pk).update(not_before=timezone.now() - timedelta(seconds=1))
    return run


def test_rules_choose_models_by_modality(series: Series) -> None:
    matching = RoutingRuleFactory(modalities=["CT"]).model_version
    RoutingRuleFactory(modalities=["MR"])
    RoutingRuleFactory(model_version__state=ModelVersion.State.DRAFT)

    services.queue_runs_for_series([series.pk])

    assert [run.model_version for run in Run.objects.all()] == [matching]


def test_results_are_not_analysed_again(series: Series) -> None:
    RoutingRuleFactory()
    series.modality = "SEG"
    series.save()

    assert services.queue_runs_for_series([series.pk]) == 0


def test_arriving_slices_push_one_queued_run_back(series: Series, settings: object) -> None:
    settings.TWINSIGHT_SETTLE_SECONDS = 100
    version = ModelVersionFactory()
    services.queue_run(version=version, series=series)
    first = Run.objects.get().not_before

    services.queue_run(version=version, series=series)

    assert Run.objects.get().not_before > first
    assert services.due_runs() == []


def test_due_runs_are_handed_out_once_with_embeddings_first(series: Series) -> None:
    late = queued(series)
    first = queued(series, ModelVersionFactory(task=ModelVersion.Task.EMBED))

    assert services.due_runs() == [first.pk, late.pk]
    assert services.due_runs() == []


def test_run_lost_by_the_broker_is_handed_out_again(series: Series) -> None:
    run = queued(series)
    services.due_runs()
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert services.due_runs() == [run.pk]


def test_claim_is_given_once(series: Series) -> None:
    run = queued(series)

    claimed = services.claim_run(run.pk)

    assert claimed is not None
    assert claimed.input_digest
    assert services.claim_run(run.pk) is None


def test_same_input_is_not_analysed_twice(series: Series) -> None:
    version = ModelVersionFactory()
    first = services.claim_run(queued(series, version).pk)
    assert first is not None
    services.finish_run(first, RunOutcome(device="cpu"))

    second = queued(series, version)

    assert services.claim_run(second.pk) is None
    second.refresh_from_db()
    assert second.state == Run.State.SKIPPED


def test_more_slices_are_analysed_after_the_run_under_way(series: Series) -> None:
    version = ModelVersionFactory()
    first = services.claim_run(queued(series, version).pk)
    InstanceFactory(series=series)
    second = queued(series, version)

    assert services.claim_run(second.pk) is None
    assert first is not None
    services.finish_run(first, RunOutcome(device="cpu"))
    assert services.claim_run(second.pk) is not None


def test_finish_writes_findings_device_and_outputs(series: Series) -> None:
    run = services.claim_run(queued(series).pk)
    assert run is not None
    finding = FindingValue(kind="classification", name="modality", label="CT", probability=0.9)

    services.finish_run(run, RunOutcome(device="cpu", findings=(finding,), outputs={"sr": "1.2"}))

    run.refresh_from_db()
    assert (run.state, run.device, run.outputs) == (Run.State.SUCCEEDED, "cpu", {"sr": "1.2"})
    assert run.findings.get().label == "CT"


def test_retriable_failure_pauses_then_dies_after_the_last_attempt(series: Series) -> None:
    run = queued(series)
    for _ in range(services.MAX_ATTEMPTS):
        claimed = services.claim_run(run.pk)
        assert claimed is not None
        services.fail_run(claimed, "disk", is_retriable=True)

    run.refresh_from_db()
    assert (run.state, run.message, run.attempts) == (Run.State.DEAD, "disk", 3)


def test_run_of_a_dead_worker_comes_back(series: Series) -> None:
    run = services.claim_run(queued(series).pk)
    assert run is not None
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert services.reconcile_runs() == 1

    run.refresh_from_db()
    assert run.state == Run.State.QUEUED


def test_missing_runs_are_queued_by_the_reconciler(series: Series) -> None:
    RoutingRuleFactory()
    type(series).objects.update(created_at=timezone.now() - timedelta(hours=1))

    assert services.reconcile_runs() == 1
    assert services.reconcile_runs() == 0


def test_request_outside_the_rights_looks_like_absence(series: Series, outsider: User) -> None:
    version = ModelVersionFactory()

    with pytest.raises(NotVisibleError):
        services.request_run(
            asker=Asker(door="api", user=outsider),
            model=version.name,
            series_uid=series.series_instance_uid,
        )


def test_viewer_may_not_start_a_run(series: Series, colleague: User) -> None:
    version = ModelVersionFactory()

    with pytest.raises(NotAllowedError):
        services.request_run(
            asker=Asker(door="api", user=colleague),
            model=version.name,
            series_uid=series.series_instance_uid,
        )


def test_clinician_starts_a_run(series: Series, radiologist: User) -> None:
    version = ModelVersionFactory()

    run = services.request_run(
        asker=Asker(door="api", user=radiologist),
        model=f"{version.name}:1",
        series_uid=series.series_instance_uid,
    )

    assert run.requested_by == radiologist
