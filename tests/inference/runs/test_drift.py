"""Models are watched: an alarm where inputs or outputs are no longer what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import NotAllowedError
from archive.notices.selectors import unread_count
from inference.models import DriftAlarm, Finding, ModelVersion, Run
from inference.runs.drift import alarms_visible_to, settle_alarm, watch_models
from inference.runs.drift_statistics import compare_names, compare_values
from tests.factories.archive import SeriesFactory
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db


def runs(
    version: ModelVersion, count: int, *, share: float = 0.2, body_part: str = "CHEST"
) -> None:
    """Make successes of which so many say *nodule*, the same on every series."""
    series = SeriesFactory(body_part_examined=body_part)
    now = timezone.now()
    made = Run.objects.bulk_create(
        [
            Run(
                model_version=version,
                series=series,
                study_id=series.study_id,
                state=Run.State.SUCCEEDED,
                input_digest=f"{series.pk}-{number}",
                not_before=now,
                started_at=now,
                finished_at=now,
            )
            for number in range(count)
        ]
    )
    Finding.objects.bulk_create(
        [
            Finding(
                run=run,
                series=series,
                kind="classification",
                name="finding",
                label="nodule" if number < share * count else "none",
                probability=0.5 + 0.4 * (number % 10) / 10,
            )
            for number, run in enumerate(made)
        ]
    )


def test_what_stays_the_same_raises_no_alarm() -> None:
    version = ModelVersionFactory()
    runs(version, 200)
    runs(version, 100, share=0.24)

    assert watch_models() == 0


def test_too_few_runs_say_nothing() -> None:
    version = ModelVersionFactory()
    runs(version, 200)
    runs(version, 40, share=0.9)

    assert watch_models() == 0


def test_outputs_that_move_raise_one_alarm() -> None:
    version = ModelVersionFactory()
    runs(version, 200)
    runs(version, 100, share=0.7)

    assert (watch_models(), watch_models()) == (1, 0)

    alarm = DriftAlarm.objects.get()
    assert alarm.measure == "label: finding"
    assert alarm.reference == {"nodule": 0.2, "none": 0.8}
    assert alarm.recent["nodule"] == 0.7
    assert alarm.statistic > alarm.threshold


def test_inputs_that_move_raise_an_alarm() -> None:
    version = ModelVersionFactory()
    runs(version, 200)
    runs(version, 100, body_part="KNEE")

    watch_models()

    assert list(DriftAlarm.objects.values_list("measure", flat=True)) == ["input: body part"]


def test_settled_alarm_takes_what_is_now_as_the_measure(
    archive_admin: User, radiologist: User
) -> None:
    version = ModelVersionFactory()
    runs(version, 200)
    runs(version, 100, share=0.7)
    watch_models()
    (alarm,) = alarms_visible_to(archive_admin, version)
    assert unread_count(archive_admin) == 1
    assert (alarms_visible_to(radiologist), unread_count(radiologist)) == ([], 0)

    with pytest.raises(NotAllowedError):
        settle_alarm(asker=Asker(door="portal", user=radiologist), alarm_id=alarm.pk, note="")
    settle_alarm(asker=Asker(door="portal", user=archive_admin), alarm_id=alarm.pk, note="new CT")
    runs(version, 200, share=0.7)
    runs(version, 100, share=0.7)

    assert watch_models() == 0
    assert unread_count(archive_admin) == 0
    alarm.refresh_from_db()
    assert (alarm.note, alarm.settled_by) == ("new CT", archive_admin)


def test_chance_alone_raises_next_to_no_alarm() -> None:
    noise = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        before = noise.normal(size=200).tolist()
        now = noise.normal(size=50).tolist()
        alarms += compare_values(before, now).has_drifted
    assert alarms <= 3


def test_shift_of_a_deviation_is_seen() -> None:
    noise = np.random.default_rng(6)
    before = noise.normal(size=200).tolist()
    now = noise.normal(0.9, size=100).tolist()

    assert compare_values(before, now).has_drifted
    assert not compare_names(["a"] * 50 + ["b"] * 50, ["a"] * 45 + ["b"] * 55).has_drifted


def test_what_is_constant_has_not_drifted() -> None:
    assert not compare_values([1.0] * 100, [1.0] * 50).has_drifted
    assert compare_values([1.0] * 100, [2.0] * 50).statistic >= 0
