"""The quality page in a real browser: figures, comparison, measuring, the empty archive."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from inference.models import Label, RetrievalEvaluation
from inference.similarity.quality.calibration import calibrate_space
from inference.similarity.quality.evaluation import evaluate_space
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from tests.browsing import MARKS, take_picture
from tests.builders.labelled_world import make_labelled_world
from tests.builders.vectors import make_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page


# What sticks out of the window to the right, and isn't inside something that scrolls.
WIDER = """() => [...document.querySelectorAll("main *")]
    .filter((one) => !one.closest(".table-scroll, .menu-list"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => `${one.tagName}.${one.className}`)"""

pytestmark = MARKS


@pytest.fixture
def page(live_server, archive_admin, sign_in, complaints) -> Iterator[Page]:
    """A radiology admin's page; complaints of scripts and of the CSP fail the test."""
    opened = sign_in("archive_admin")
    opened.goto(f"{live_server.url}/similar/quality/")
    yield opened
    assert complaints == []


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
    take_picture(page, "quality", is_full=True)

    page.get_by_label("Compare with").select_option(other.name)
    expect(page.get_by_text("surely better").first).to_be_visible()
    take_picture(page, "quality-compare", is_full=True)

    page.get_by_label("Labels").select_option("body part")
    expect(page.get_by_text("Not measured yet")).to_be_visible()
    page.get_by_role("button", name="Evaluate now").click()
    expect(page.get_by_text("for archive_admin")).to_be_visible(timeout=60_000)
    take_picture(page, "quality-measured", is_full=True)
    page.get_by_title("Light or dark").click()
    page.set_viewport_size({"width": 400, "height": 800})
    take_picture(page, "quality-narrow-light", is_full=True)
    assert page.evaluate(WIDER) == []


@pytest.fixture
def unlabelled(transactional_db):
    """A space, and nothing in it."""
    return make_space()


def test_archive_without_labels_says_how_to_bring_them_in(unlabelled, page):
    expect(page.get_by_role("heading", name="Nothing is labelled yet")).to_be_visible()
    take_picture(page, "quality-empty", is_full=True)
