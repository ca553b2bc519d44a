"""Rules say which models run on a series, how urgently, and for whose eyes."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

import pytest

from archive.models import Series
from inference.models import ModelVersion, Run
from inference.runs.queueing import queue_runs_for_series
from inference.runs.reconciling import reconcile_runs
from inference.runs.routing import series_matching, wanted_runs
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from archive.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project: Project) -> Series:
    dataset = make_dataset(
        Modality="CT",
        BodyPartExamined="CHEST",
        SeriesDescription="Lung 1.0",
        Manufacturer="Siemens",
        KVP="120",
    )
    return store_datasets(dataset, project=project)[0].series


@pytest.mark.parametrize(
    ("conditions", "is_matching"),
    [
        ({}, True),
        ({"modalities": ["CT", "MR"], "body_parts": ["CHEST"]}, True),
        ({"modalities": ["MR"]}, False),
        ({"body_parts": ["HEAD"]}, False),
        ({"description_contains": "lung"}, True),
        ({"description_contains": "bone"}, False),
        ({"minimum_instances": 2}, False),
        ({"attributes": {"Manufacturer": ["GE", "Siemens"]}}, True),
        ({"attributes": {"Manufacturer": ["siemens"], "KVP": ["120.0"]}}, True),
        ({"attributes": {"Manufacturer": ["Siemens"], "KVP": ["80"]}}, False),
    ],
)
def test_every_condition_narrows(
    series: Series, conditions: dict[str, Any], is_matching: bool
) -> None:
    RoutingRuleFactory(**conditions)

    # Its attributes were filled by nobody yet.
    assert bool(wanted_runs(series)) is is_matching
    assert queue_runs_for_series([series.pk]) == int(is_matching)


@pytest.mark.parametrize(
    ("first", "last", "arrived", "is_matching"),
    [
        (time(8), time(18), time(12), True),
        (time(8), time(18), time(18), False),
        (time(20), time(6), time(23), True),
        (time(20), time(6), time(5, 59), True),
        (time(20), time(6), time(12), False),
    ],
)
def test_hours_are_those_of_the_arrival(
    series: Series, first: time, last: time, arrived: time, is_matching: bool
) -> None:
    moment = datetime.combine(datetime(2026, 3, 1, tzinfo=UTC), arrived, tzinfo=UTC)
    Series.objects.update(created_at=moment)
    rule = RoutingRuleFactory(time_from=first, time_until=last)

    assert series_matching(rule).exists() is is_matching


def test_rule_holds_in_its_projects(
    series: Series, project: Project, other_project: Project
) -> None:
    rule = RoutingRuleFactory()
    rule.projects.set([other_project])
    assert not wanted_runs(series)

    rule.projects.add(project)
    assert wanted_runs(series)


def test_version_in_shadow_runs_for_reviewers(series: Series) -> None:
    RoutingRuleFactory(model_version__state=ModelVersion.State.SHADOW)
    RoutingRuleFactory(model_version__state=ModelVersion.State.RETIRED)
    RoutingRuleFactory(is_enabled=False)

    queue_runs_for_series([series.pk])

    assert Run.objects.get().is_shadow


def test_of_several_rules_the_most_urgent_and_the_most_open_holds(series: Series) -> None:
    version = ModelVersionFactory()
    RoutingRuleFactory(model_version=version, is_shadow=True, priority=9)
    RoutingRuleFactory(model_version=version, priority=0)

    (wanted,) = wanted_runs(series)

    assert (wanted.priority, wanted.is_shadow) == (9, False)


def test_rules_of_shadow_alone_stay_in_the_shadow(series: Series) -> None:
    RoutingRuleFactory(is_shadow=True)

    (wanted,) = wanted_runs(series)

    assert wanted.is_shadow


def test_reconciler_finds_what_a_rule_wants_behind_what_it_does_not(
    series: Series, project: Project
) -> None:
    store_datasets(*(make_dataset(Modality="MR") for _ in range(3)), project=project)
    RoutingRuleFactory(modalities=["CT"], priority=5)
    Series.objects.update(created_at=datetime(2026, 3, 1, tzinfo=UTC))

    assert (reconcile_runs(), reconcile_runs()) == (1, 0)

    run = Run.objects.get()
    assert (run.series, run.priority) == (series, 5)


def test_heat_maps_of_models_are_no_pictures_of_a_patient(project: Project) -> None:
    """Else models would run on them, and search would find them as cases."""
    RoutingRuleFactory()
    drawn = make_dataset(Modality="OT", Manufacturer="Twinsight")
    scanned = make_dataset(Modality="OT", Manufacturer="Scanner of films")
    (heat_map, film) = (
        store_datasets(dataset, project=project)[0].series for dataset in (drawn, scanned)
    )

    assert queue_runs_for_series([heat_map.pk, film.pk]) > 0

    assert set(Run.objects.values_list("series", flat=True)) == {film.pk}
