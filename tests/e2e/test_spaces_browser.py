"""Embedding spaces as a radiology admin sees them, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

from archive.audit.types import Asker
from inference.models import EmbeddingSpace, Label, RetrievalEvaluation, Run, SpaceFill
from inference.runs.filling import fill_spaces
from inference.runs.operations import run_here
from inference.similarity.spaces.backfill import complete_fill
from inference.similarity.spaces.lifecycle import fill_space, promote_space
from inference.training.adaptation import adapt_space
from tests.browsing import MARKS, take_picture
from tests.builders.datasets import make_dataset
from tests.builders.spaces import make_descriptor_space
from tests.builders.stored import store_datasets
from tests.builders.vectors import make_case, make_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

OPERATOR = Asker(door="command", name="test")

pytestmark = MARKS


@pytest.fixture
def page(live_server, archive_admin, context, sign_in, complaints) -> Iterator[Page]:
    """A radiology admin's page; complaints of scripts and of the CSP fail the test."""
    context.set_default_timeout(60_000)
    opened = sign_in("archive_admin")
    opened.set_viewport_size({"width": 1440, "height": 900})
    opened.goto(f"{live_server.url}/similar/spaces/")
    opened.get_by_role("heading", name="Embedding spaces").wait_for()
    yield opened
    assert complaints == []


def finish_fills() -> None:
    """Do what beat and the workers do, without waiting for their clocks."""
    for _ in range(4):
        complete = fill_spaces(is_throttled=False)
        queued = Run.objects.filter(state=Run.State.QUEUED)
        list(run_here(list(queued.values_list("pk", flat=True))))
        for key in complete:
            complete_fill(key)


@pytest.fixture
def spaces(project) -> dict[str, EmbeddingSpace]:
    """A learned space with labels and figures, one that is being filled, one nobody filled."""
    rng = np.random.default_rng(1)
    learned = make_space(dimension=384)
    for axis, label in enumerate(("pneumonia", "no finding")):
        for _ in range(6):
            vector = rng.normal(size=384)
            vector[axis] += 12
            series = make_case(learned, [vector], projects=[project])
            Label.objects.create(study=series.study, label_set="finding", label=label)
    RetrievalEvaluation.objects.create(
        space=learned,
        label_set="finding",
        level="instance",
        number_of_queries=661,
        figures={
            "all": {
                "p_at_1": [0.846, 0.818, 0.872],
                "p_at_10": [0.75, 0.731, 0.768],
                "map": [0.658, 0.64, 0.676],
            }
        },
    )
    store_datasets(*(make_dataset() for _ in range(4)), project=project)
    histogram = make_descriptor_space()
    texture = make_descriptor_space("texture-v1")
    return {"learned": learned, "histogram": histogram, "texture": texture}


@pytest.fixture
def history(spaces) -> dict[str, EmbeddingSpace]:
    """An adapted space that was promoted and given up, and one that is being filled."""
    adapted = adapt_space(OPERATOR, space="", label_sets=["finding"]).space
    finish_fills()
    promote_space(OPERATOR, adapted.name)
    promote_space(OPERATOR, spaces["learned"].name)
    fill_space(OPERATOR, spaces["texture"].name)
    SpaceFill.objects.filter(space=spaces["texture"]).update(
        number_of_images=16, number_of_images_done=7, images_per_minute=6.0
    )
    return spaces


def test_admin_fills_compares_promotes_and_rolls_back(history, page) -> None:
    row = page.locator("#space-intensity-histogram-v1")
    expect(page.locator("#space-texture-v1")).to_contain_text("43 %")
    take_picture(page, "spaces", is_full=True)

    row.get_by_role("button", name="Fill").click()
    expect(page.get_by_role("status")).to_contain_text("is being filled")
    expect(row).to_contain_text("images")
    finish_fills()

    # The page asks by itself and shows what came of it.
    expect(row).to_contain_text("Ready", timeout=30_000)
    row.get_by_text("Where its vectors come from").click()
    row.get_by_text("Promote").click()
    row.get_by_label("Reason, for the record").fill("Measured on our labels")
    take_picture(page, "spaces-promote", is_full=True)
    row.get_by_role("button", name="Search in this space").click()
    expect(row).to_contain_text("Searched by default")

    page.get_by_text("Roll back").first.click()
    page.get_by_role("button", name="Roll back").click()
    learned = history["learned"].name
    expect(page.locator(f"#space-{learned}")).to_contain_text("Searched by default")


def test_admin_fits_a_space_to_the_labels(spaces, page) -> None:
    page.get_by_role("button", name="Fit to labels").click()

    made = page.locator(f"#space-{spaces['learned'].name}-lda-1")
    expect(made).to_contain_text("Adapted to labels")
    finish_fills()
    expect(made).to_contain_text("Ready", timeout=30_000)
