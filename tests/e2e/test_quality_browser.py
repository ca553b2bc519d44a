"""The quality page in a real browser: figures, comparison, measuring, the empty archive."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect, sync_playwright

from inference.models import Label, RetrievalEvaluation
from inference.similarity.quality.calibration import calibrate_space
from inference.similarity.quality.evaluation import evaluate_space
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from tests.builders.labelled_world import make_labelled_world
from tests.builders.vectors import make_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("TWINSIGHT_CHROMIUM", "/usr/bin/chromium"))
ARTIFACTS = Path(os.environ.get("TWINSIGHT_ARTIFACTS") or ROOT / "artifacts")
IS_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# What sticks out of the window to the right, and isn't inside something that scrolls.
WIDER = """() => [...document.querySelectorAll("main *")]
    .filter((one) => !one.closest(".table-scroll, .menu-list"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => `${one.tagName}.${one.className}`)"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists() and not IS_CI, reason="Chromium is not installed"),
]


@pytest.fixture
def page(live_server, archive_admin) -> Iterator[Page]:
    """A radiology admin's page; complaints of scripts and of the CSP fail the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        opened.goto(f"{live_server.url}/similar/quality/")
        opened.get_by_label("User name").fill("archive_admin")
        opened.get_by_label("Password").fill("a long enough password")
        opened.get_by_role("button", name="Sign in").click()
        opened.wait_for_url("**/similar/quality/")
        yield opened
        browser.close()
    assert complaints == []


def picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


@pytest.fixture
def world(project):
    """Ninety patients in CT and MR, two label sets, two spaces and a history."""
    space = make_space()
    series = make_labelled_world(space, project, patients=60, spread=0.42)
    series += make_labelled_world(space, project, patients=30, spread=0.55, modality="MR", seed=1)
    for one in series:
        Label.objects.create(study=one.study, label_set="body part", label=one.body_part_examined)
    now = timezone.now()
    for weeks in range(6, 0, -1):
        row = evaluate_space(space, "finding", max_queries=30 + 8 * (6 - weeks))
        RetrievalEvaluation.objects.filter(pk=row.pk).update(
            created_at=now - timedelta(weeks=weeks)
        )
    evaluate_space(space, "finding")
    calibrate_space(space, seed=0)
    other = make_space(is_default=False)
    for one in series:
        vector = one.embeddings.get(level="series", space=space).vector
        shorter = [value if place < 4 else 0 for place, value in enumerate(vector)]
        key = one.instances.get().pk
        store_embeddings(space=other, vectors=[InstanceVector(instance_id=key, vector=shorter)])
        refresh_series_embedding(space=other, series_id=one.pk)
    evaluate_space(other, "finding")
    return space, other


def test_radiology_admin_reads_figures_compares_and_has_them_measured(world, celery_worker, page):
    _, other = world
    page.reload()
    expect(page.get_by_text("90 questions of 90 patients")).to_be_visible()
    expect(page.locator(".chart polyline")).to_have_count(3)
    picture(page, "quality")

    page.get_by_label("Compare with").select_option(other.name)
    expect(page.get_by_text("surely better").first).to_be_visible()
    picture(page, "quality-compare")

    page.get_by_label("Labels").select_option("body part")
    expect(page.get_by_text("Not measured yet")).to_be_visible()
    page.get_by_role("button", name="Evaluate now").click()
    expect(page.get_by_text("for archive_admin")).to_be_visible(timeout=60_000)
    picture(page, "quality-measured")
    page.get_by_title("Light or dark").click()
    page.set_viewport_size({"width": 400, "height": 800})
    picture(page, "quality-narrow-light")
    assert page.evaluate(WIDER) == []


@pytest.fixture
def unlabelled(transactional_db):
    """A space, and nothing in it."""
    return make_space()


def test_archive_without_labels_says_how_to_bring_them_in(unlabelled, page):
    expect(page.get_by_role("heading", name="Nothing is labelled yet")).to_be_visible()
    picture(page, "quality-empty")
