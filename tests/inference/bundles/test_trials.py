"""What was said on trial does not come to light when the trial ends without a promotion."""

from importlib import import_module

import pytest
from django.db import connection

from archive.models import Series
from inference.bundles.states import set_state
from inference.models import ModelVersion, Run, SeriesText
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db

# How the series of a run's report and of its heat map are withheld, and whether it was a trial.
OUTPUTS = [
    ("trial", "trial", True),
    ("trial", "deleted", True),
    ("", "", False),
    ("", "trial", False),
    ("rejected", "rejected", False),
    ("superseded", "trial", False),
]


@pytest.fixture
def version():
    return ModelVersionFactory(name="m", version="1", state="shadow", checks={"passed": True})


@pytest.fixture
def result(version, make_result, explain):
    """A run that does not say itself that it is on trial."""

    def make(*withheld):
        run = make_result(version=version)
        explain(run)
        for kind, state in zip(("sr", "heatmap"), withheld, strict=True):
            rows = Series.objects.filter(instances__sop_instance_uid=run.outputs[kind])
            rows.update(withheld=state)
        run.outputs = {**run.outputs, "overlay": {"says": "effusion"}}
        run.save()
        return run

    return make


def is_marked(run):
    run.refresh_from_db()
    return run.is_shadow


@pytest.mark.parametrize("state", ["retired", "draft"])
@pytest.mark.parametrize(("report", "heat_map", "was_trial"), OUTPUTS)
def test_trials_stay_when_their_version_leaves_the_shadow(
    result, state, report, heat_map, was_trial
):
    run = result(report, heat_map)

    set_state(name="m", version="1", state=state)

    assert is_marked(run) == was_trial
    assert Run.objects.standing().filter(pk=run.pk).exists() != was_trial


def test_other_versions_and_what_was_no_success_are_left_alone(version, result, make_result):
    run = result("trial", "trial")
    Run.objects.filter(pk=run.pk).update(state="dead")
    other = make_result(2)
    Series.objects.filter(instances__sop_instance_uid=other.outputs["sr"]).update(withheld="trial")

    set_state(name="m", version="1", state="retired")

    assert not is_marked(run)
    assert not is_marked(other)


def test_promoted_version_keeps_the_trials_that_say_so(result):
    run = result("trial", "trial")
    Run.objects.filter(pk=run.pk).update(is_shadow=True)

    set_state(name="m", version="1", state="active")

    assert not Run.objects.standing().exists()
    assert set(run.study.series.values_list("withheld", flat=True)) == {"", "trial"}


@pytest.mark.parametrize("state", ["retired", "active", "shadow"])
@pytest.mark.parametrize(("report", "heat_map", "was_trial"), OUTPUTS)
def test_trials_from_before_are_marked(result, state, report, heat_map, was_trial):
    run = result(report, heat_map)
    ModelVersion.objects.update(state=state)
    SeriesText.objects.update_or_create(
        series=run.series, defaults={"study_id": run.study_id, "is_stale": False}
    )

    migration = import_module("inference.migrations.0020_trials_stay")
    with connection.cursor() as cursor:
        cursor.execute(migration.KEEP)

    assert is_marked(run) == was_trial
    assert SeriesText.objects.get(series=run.series).is_stale == was_trial
