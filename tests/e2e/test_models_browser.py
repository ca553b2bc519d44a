"""The pages of models in a real browser: nothing the CSP refuses, and the buttons work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from inference.models import ModelVersion
from tests.browsing import MARKS, take_picture
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = MARKS

CARD = """# Chest findings

Tells pneumonia from nothing to find on frontal radiographs. **Research only.**

| Set | AUC | 95 % interval |
|-----|-----|---------------|
| all sources | .885 | .861 to .907 |
| NIH alone | .731 | .652 to .804 |

## What the figures hide

- The classes came from different hospitals.
- No portable radiographs.
"""


@pytest.fixture
def models() -> dict[str, ModelVersion]:
    checked = {
        "passed": True,
        "trust_needed": [],
        "checked_at": "2026-05-01T10:00:00+00:00",
        "weights": "models/model.onnx",
        "format": "onnx",
        "input_shape": [1, 1, 224, 224],
        "output_shape": [1, 2],
        "infer_seconds": 0.2,
        "seconds": 8.3,
        "memory_mb": 512.0,
        "is_offline": True,
    }
    chest = ModelVersionFactory(
        name="chest-findings",
        version="2.1.0",
        state=ModelVersion.State.SHADOW,
        pipeline="classifier",
        description="Pneumonia or no finding on frontal chest radiographs.",
        intended_use="Research on frontal radiographs of adults.",
        licence="Apache-2.0",
        inputs={"modalities": ["DX", "CR"], "body_parts": ["CHEST"], "views": ["PA", "AP"]},
        labels=[{"name": "pneumonia", "code": "233604007", "scheme": "SCT"}],
        metrics={"auc": 0.885, "auc NIH alone": 0.731},
        checks=checked,
        card=CARD,
    )
    RoutingRuleFactory(model_version=chest, modalities=["CR", "DX"], body_parts=["CHEST"])
    ModelVersionFactory(
        name="chest-findings", version="2.0.0", state="active", description="The one before."
    )
    reasons = [
        "configs/inference.json, imports::0: the expression '$import os' would be run.",
        "scripts/meshnet.py is code.",
    ]
    blocked = ModelVersionFactory(
        name="brain-meshnet",
        version="0.1.0",
        state=ModelVersion.State.DRAFT,
        task=ModelVersion.Task.SEGMENT,
        pipeline="bundle",
        description="Grey and white matter on T1 MR.",
        checks={"passed": False, "trust_needed": reasons},
    )
    return {"chest": chest, "blocked": blocked}


@pytest.fixture
def page(live_server, archive_admin, models, context, sign_in, complaints) -> Iterator[Page]:
    context.set_default_timeout(60_000)
    opened = sign_in("archive_admin")
    opened.set_viewport_size({"width": 1440, "height": 900})
    opened.goto(f"{live_server.url}/models/")
    opened.get_by_role("heading", name="Models", exact=True).wait_for()
    yield opened
    assert complaints == []


def test_a_model_is_read_about_and_promoted(page, models):
    take_picture(page, "models")
    page.get_by_role("link", name="2.1.0").click()
    page.get_by_role("heading", name="Intended use").wait_for()
    take_picture(page, "model")

    page.locator("summary", has_text="Promote").click()
    page.get_by_label("Reason, for the record").first.fill("AUC measured")
    take_picture(page, "model-promote")
    page.get_by_role("button", name="Promote").click()

    expect(page.get_by_text("runs on new series from now on")).to_be_visible()
    models["chest"].refresh_from_db()
    assert models["chest"].state == ModelVersion.State.ACTIVE
    assert ModelVersion.objects.get(version="2.0.0").state == ModelVersion.State.RETIRED


def test_what_needs_trust_says_why(page, models):
    page.get_by_role("link", name="brain-meshnet").click()
    expect(page.get_by_text("scripts/meshnet.py is code.")).to_be_visible()
    page.locator("summary", has_text="Trust this code").click()
    take_picture(page, "model-trust")
    expect(page.get_by_label("SHA-256 of the files you read")).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_page(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/models/", "/models/chest-findings/2.1.0/", "/models/brain-meshnet/"):
        page.goto(page.url.split("/models/")[0] + path)
        page.get_by_role("heading", level=1).wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
    take_picture(page, "model-phone")
