"""Runs, routing and news as a radiology admin sees them, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from archive.audit.types import Asker
from inference.models import DriftAlarm, RoutingRule, Run
from inference.runs.finishing import fail_run, finish_run
from inference.runs.notices import Wishes, change_wishes
from inference.runs.types import FindingValue, RunOutcome
from tests.browsing import MARKS, take_picture, wider_than_the_window
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run, due_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from archive.models import Series
    from inference.models import ModelVersion

pytestmark = MARKS


@pytest.fixture
def series(project) -> list[Series]:
    named = (("CT", "Thorax 1.0 lung", "CHEST"), ("MR", "T1 sagittal", "BRAIN"))
    datasets = [
        make_dataset(Modality=modality, SeriesDescription=words, BodyPartExamined=part)
        for modality, words, part in named * 3
    ]
    return [row.series for row in store_datasets(*datasets, project=project)]


@pytest.fixture
def model() -> ModelVersion:
    return ModelVersionFactory(name="lung-nodules", task="detect", inputs={"modalities": ["CT"]})


@pytest.fixture
def world(series, model, archive_admin, radiologist) -> dict[str, Run]:
    """Runs in every state."""
    asker = Asker(door="portal", user=archive_admin)
    change_wishes(asker=asker, wishes=Wishes(on_done=True, on_failed=True, on_critical=True))
    found = FindingValue(
        kind="detection",
        name="nodule",
        label="right upper lobe",
        probability=0.93,
        is_critical=True,
    )
    outcome = RunOutcome(
        device="cpu",
        findings=(found,),
        outputs={"sr": "1.2.826.0.1.3680043.10.1.2.3"},
        timings={"read": 0.4, "infer": 2.2, "store": 0.3},
    )
    done = claimed_run(series[0], model, asker=asker)
    Run.objects.filter(pk=done.pk).update(started_at=timezone.now() - timedelta(seconds=3.1))
    done.refresh_from_db()
    finish_run(done, outcome)
    failed = claimed_run(series[2], model, asker=Asker(door="portal", user=radiologist))
    fail_run(failed, "The images' slices overlap.", is_retriable=False)
    other = ModelVersionFactory(name="brain-tissue", version="2", task="segment")
    running = claimed_run(series[1], other)
    waiting = due_run(series[3], other)
    stat = due_run(series[4], model, priority=9)
    shadow = due_run(series[5], other, is_shadow=True)
    DriftAlarm.objects.create(
        model_version=other,
        measure="input: manufacturer",
        reference={"SIEMENS": 0.82, "GE": 0.18},
        recent={"SIEMENS": 0.31, "GE": 0.69},
        statistic=1.14,
        threshold=0.25,
    )
    return {
        "done": done,
        "failed": failed,
        "running": running,
        "waiting": waiting,
        "stat": stat,
        "shadow": shadow,
    }


@pytest.fixture
def page(live_server, archive_admin, context, sign_in, complaints) -> Iterator[Page]:
    context.set_default_timeout(60_000)
    opened = sign_in("archive_admin")
    opened.set_viewport_size({"width": 1440, "height": 900})
    yield opened
    assert complaints == []


def test_runs_are_watched_cancelled_and_tried_again(live_server, world, page) -> None:
    page.goto(f"{live_server.url}/runs/")
    expect(page.locator("tr[data-row]")).to_have_count(6)
    take_picture(page, "runs")
    page.set_viewport_size({"width": 390, "height": 800})
    take_picture(page, "runs-phone")
    assert wider_than_the_window(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})

    finish_run(world["running"], RunOutcome(device="cpu"))
    expect(page.locator("tr", has_text="Running")).to_have_count(0)

    page.locator("tr", has_text="Stat").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("It is being cancelled.")).to_be_visible()
    world["stat"].refresh_from_db()
    assert world["stat"].state == Run.State.CANCELLED

    page.locator("tr", has_text="slices overlap").get_by_role("link").first.click()
    take_picture(page, "run-failed")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("It waits for a worker again.")).to_be_visible()

    page.goto(f"{live_server.url}/runs/{world['done'].pk}/")
    take_picture(page, "run-done", is_full=True)


def test_rule_is_tried_before_it_is_switched_on(live_server, series, model, page) -> None:
    RoutingRuleFactory(modalities=["CR", "DX"], priority=5, name="Radiographs at once")
    page.goto(f"{live_server.url}/routing/new/")
    page.get_by_label("Model").select_option("lung-nodules:1")
    page.get_by_label("Series description contains").fill("t")
    page.get_by_role("button", name="Try on the archive").click()
    expect(page.get_by_text("of the newest 6 series")).to_be_visible()
    expect(page.get_by_text("intended use excludes 3")).to_be_visible()
    take_picture(page, "routing-trial")
    page.get_by_label("Modalities").fill("CT")
    page.get_by_role("button", name="Keep, switched off").click()
    expect(page.get_by_text("The rule is kept, and off.")).to_be_visible()
    page.goto(f"{live_server.url}/routing/")
    take_picture(page, "routing")
    page.locator("tr", has_text="lung-nodules").get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("The rule is on")).to_be_visible()
    assert RoutingRule.objects.get(model_version=model).is_enabled


def test_news_and_drift_stand_on_one_page(live_server, world, page) -> None:
    page.goto(f"{live_server.url}/runs/notices/")
    expect(page.get_by_text("lung-nodules 1").first).to_be_visible()
    take_picture(page, "run-news", is_full=True)
    page.get_by_label("What you found").fill("A new scanner")
    page.get_by_role("button", name="Settle").click()
    expect(page.get_by_text("Settled; brain-tissue 2")).to_be_visible()
