"""Runs are asked for: by rules and by people, inside their rights and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archive.audit.types import Asker
from archive.errors import NotAllowedError, NotVisibleError
from inference.errors import ModelRetiredError
from inference.models import ModelVersion, Run
from inference.runs.dispatching import due_runs
from inference.runs.queueing import queue_run, queue_runs_for_series, request_run
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Series

pytestmark = pytest.mark.django_db


def test_rules_choose_models_by_modality(series: Series) -> None:
    matching = RoutingRuleFactory(modalities=["CT"]).model_version
    RoutingRuleFactory(modalities=["MR"])
    RoutingRuleFactory(model_version__state=ModelVersion.State.DRAFT)

    queue_runs_for_series([series.pk])

    assert [run.model_version for run in Run.objects.all()] == [matching]


def test_results_are_not_analysed_again(series: Series) -> None:
    RoutingRuleFactory()
    series.modality = "SEG"
    series.save()

    assert queue_runs_for_series([series.pk]) == 0


def test_arriving_slices_push_one_queued_run_back(series: Series, settings: object) -> None:
    settings.TWINSIGHT_SETTLE_SECONDS = 100
    version = ModelVersionFactory()
    queue_run(version=version, series=series)
    first = Run.objects.get().not_before

    queue_run(version=version, series=series)

    assert Run.objects.get().not_before > first
    assert due_runs() == []


def test_request_outside_the_rights_looks_like_absence(series: Series, outsider: User) -> None:
    version = ModelVersionFactory()

    with pytest.raises(NotVisibleError):
        request_run(
            asker=Asker(door="api", user=outsider),
            model=version.name,
            series_uid=series.series_instance_uid,
        )


def test_viewer_may_not_start_a_run(series: Series, colleague: User) -> None:
    version = ModelVersionFactory()

    with pytest.raises(NotAllowedError):
        request_run(
            asker=Asker(door="api", user=colleague),
            model=version.name,
            series_uid=series.series_instance_uid,
        )


@pytest.mark.parametrize("number", ["", ":1"])
def test_a_retired_model_is_said_to_be_retired(
    series: Series, radiologist: User, colleague: User, outsider: User, number: str
) -> None:
    version = ModelVersionFactory(state=ModelVersion.State.RETIRED)

    def request(user: User) -> Run:
        return request_run(
            asker=Asker(door="api", user=user),
            model=f"{version.name}{number}",
            series_uid=series.series_instance_uid,
        )

    with pytest.raises(ModelRetiredError, match=f"{version.name}.*retired"):
        request(radiologist)
    # Rights come first.
    with pytest.raises(NotAllowedError):
        request(colleague)
    with pytest.raises(NotVisibleError, match="series"):
        request(outsider)
    assert not Run.objects.exists()


def test_a_version_in_use_is_found_beside_retired_ones(series: Series, radiologist: User) -> None:
    used = ModelVersionFactory(name="bones", version="1")
    ModelVersionFactory(name="bones", version="2", state=ModelVersion.State.RETIRED)
    asker = Asker(door="api", user=radiologist)

    run = request_run(asker=asker, model="bones", series_uid=series.series_instance_uid)

    assert run.model_version == used
    with pytest.raises(ModelRetiredError):
        request_run(asker=asker, model="bones:2", series_uid=series.series_instance_uid)
    for unknown in ("bones:3", "stones"):
        with pytest.raises(NotVisibleError):
            request_run(asker=asker, model=unknown, series_uid=series.series_instance_uid)


def test_clinician_starts_a_run(series: Series, radiologist: User) -> None:
    version = ModelVersionFactory()

    run = request_run(
        asker=Asker(door="api", user=radiologist),
        model=f"{version.name}:1",
        series_uid=series.series_instance_uid,
    )

    assert run.requested_by == radiologist
