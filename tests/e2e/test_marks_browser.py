"""What models mark on images, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from inference.models import ModelVersion
from inference.runs.defaults import install_defaults
from inference.runs.tasks import explain_run_task
from tests.browsing import MARKS, take_picture
from tests.builders.nodule_case import make_detector, run_once, store_chest

if TYPE_CHECKING:
    from pathlib import Path

    from archive.models import Series

pytestmark = MARKS


@pytest.fixture
def chest(project, settings, tmp_path: Path) -> Series:
    """A chest CT on which a nodule was found and a body part was named."""
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    install_defaults()
    series = store_chest(project)
    run_once(make_detector(), series)
    explain_run_task(run_once(ModelVersion.objects.get(name="modality-body-part"), series).pk)
    return series


def test_boxes_and_heat_are_drawn_and_hidden(
    live_server, chest: Series, radiologist, sign_in, complaints
) -> None:
    page = sign_in("radiologist")
    study = chest.study.study_instance_uid
    page.goto(f"{live_server.url}/studies/{study}/series/{chest.series_instance_uid}/")
    page.locator("#stage[data-ready=true]").wait_for()
    nodule = page.get_by_role("button", name=re.compile("^(?!Go to).*lung nodule")).first
    nodule.click()
    expect(nodule).to_have_attribute("aria-current", "true")
    page.wait_for_load_state("networkidle")
    take_picture(page, "marks-box")
    page.get_by_role("button", name="Why").click()
    page.wait_for_load_state("networkidle")
    take_picture(page, "marks-heat")
    expect(page.get_by_text("Not for diagnostic use", exact=True)).to_be_visible()
    page.keyboard.press("m")
    expect(nodule).to_be_hidden()
    assert complaints == []
