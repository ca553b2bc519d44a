"""The study page and the viewer with all that lies beside images, in a real browser."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from archive.models import Membership
from tests.browsing import MARKS, assert_accessible, await_images, take_picture, take_pictures
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.overlays import make_map, make_pdf, make_segmentation, make_text_report
from tests.builders.stored import store_datasets
from tests.factories.inference import RunFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from archive.models import Series

pytestmark = MARKS


@pytest.fixture
def chest(transactional_db, project) -> Series:
    """A chest CT with a segmentation, a map, a report and a letter, and an older study."""
    volume = chest_phantom()[14:44]
    shared = {"PatientID": "STUDY-1", "PatientBirthDate": "19620518", "PatientSex": "F"}
    images = make_ct_series(
        volume,
        WindowCenter=-200,
        WindowWidth=1600,
        StudyDate="20260301",
        StudyDescription="CT Thorax",
        SeriesDescription="Axial 2.5 mm",
        BodyPartExamined="CHEST",
        BurnedInAnnotation="NO",
        **shared,
    )
    mask = (volume == -800).astype(np.uint8)
    mask[volume == 600] = 2
    heat = np.zeros(volume.shape, np.float32)
    heat[10:18, 40:80, 30:70] = np.linspace(0.2, 1, 40)[:, np.newaxis]
    beside = [
        make_segmentation(images, mask),
        make_map(images, heat),
        make_text_report(images[0], "A nodule of 8 mm in the left lower lobe"),
        make_pdf(images[0], "Dear colleague", "Second page"),
    ]
    for date, words in (("20231104", "CT Thorax"), ("20250620", "CT Thorax follow-up")):
        older = make_ct_series(
            volume[14:15], StudyDate=date, StudyDescription=words, WindowWidth=1600,
            WindowCenter=-200, **shared,
        )  # fmt: skip
        store_datasets(*older, project=project)
    return store_datasets(*images, *beside, project=project)[0].series


def test_study_page_shows_reports_tags_timeline_trail_and_downloads(
    radiologist, chest: Series, project, sign_in, complaints
) -> None:
    Membership.objects.create(user=radiologist, project=project, role="radiology_admin")
    page = sign_in("radiologist")
    page.goto(f"{page.url}{chest.study.study_instance_uid}/")
    await_images(page)
    expect(page.get_by_role("heading", name="Timeline of this patient")).to_be_visible()
    expect(page.get_by_text("8 months before")).to_be_visible()
    page.wait_for_load_state("networkidle")
    take_pictures(page, "study")
    assert_accessible(page)

    read = page.get_by_role("link", name="Read: ").first
    read.click()
    expect(page.get_by_text("A nodule of 8 mm in the left lower lobe")).to_be_visible()
    expect(read).to_have_attribute("aria-expanded", "true")
    page.get_by_role("link", name="Read: Letter").click()
    expect(page.get_by_role("img", name="Page 1")).to_be_visible()
    page.get_by_role("img", name="Page 1").scroll_into_view_if_needed()
    await_images(page)
    take_picture(page, "study-reports", is_full=True)
    assert_accessible(page, inside="#series")
    read.click()
    expect(page.get_by_text("A nodule of 8 mm in the left lower lobe")).to_be_hidden()

    page.get_by_role("link", name="DICOM tags", exact=True).click()
    page.wait_for_url("**/tags/**")  # the shortcut waits for the scripts
    page.keyboard.press("/")
    page.keyboard.type("window")
    expect(page.get_by_role("cell", name="Window Center")).to_be_visible()
    expect(page.get_by_role("cell", name="Patient's Name")).to_have_count(0)
    take_pictures(page, "study-tags")
    assert_accessible(page)

    page.get_by_role("link", name="Who opened it").click()
    expect(page.get_by_role("cell", name="Read its attributes").first).to_be_visible()
    take_pictures(page, "study-history")
    assert_accessible(page)

    page.get_by_role("link", name="Download", exact=True).click()
    take_pictures(page, "study-download")
    assert_accessible(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download ZIP").click()
    assert started.value.suggested_filename.endswith(".zip")
    with page.expect_download() as started:
        page.get_by_role("link", name="NIfTI: Axial 2.5 mm").click()
    assert started.value.suggested_filename.endswith(".nii.gz")
    assert complaints == []


def test_long_words_stay_within_the_page(radiologist, project, sign_in, complaints) -> None:
    words = "CT thorax abdomen pelvis with and without contrast, delayed phase"[:64]
    images = make_ct_series(
        chest_phantom()[14:15], SeriesDescription=words, StudyDescription=words,
        PatientName="Wolfeschlegelsteinhausenbergerdorff^Maximiliana", PatientID="0123456789" * 6,
    )  # fmt: skip
    series = store_datasets(*images, project=project)[0].series
    RunFactory(series=series, state="succeeded", not_before=timezone.now())
    page = sign_in("radiologist")
    page.goto(f"{page.url}{series.study.study_instance_uid}/")
    expect(page.locator(".findings h3")).to_contain_text("CT thorax")
    page.wait_for_load_state("networkidle")
    take_pictures(page, "study-long-words")
    tabs = page.locator(".tabs")
    assert tabs.evaluate("(one) => getComputedStyle(one).overflowY") == "hidden"
    assert complaints == []


def test_viewer_draws_overlays_and_takes_a_box(
    radiologist, chest: Series, sign_in, complaints
) -> None:
    page = sign_in("radiologist")
    study = chest.study.study_instance_uid
    page.goto(f"{page.url}{study}/series/{chest.series_instance_uid}/")
    expect(page.locator("#stage")).to_have_attribute("data-ready", "true")
    legend = page.locator("[data-layers]")
    expect(legend.get_by_text("Lung", exact=True)).to_be_visible()
    _await_colour(page, lambda share: share > 0.02)
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Strip of frames").click()
    page.wait_for_timeout(400)
    take_pictures(page, "viewer-overlays")
    assert_accessible(page)
    page.keyboard.press("f")

    legend.get_by_role("checkbox", name="Organs").uncheck()
    _await_colour(page, lambda share: share < 0.006)
    legend.get_by_role("checkbox", name="Heat").check()
    legend.get_by_role("button", name="Go to why lung").click()
    _await_colour(page, lambda share: share > 0.012)
    take_picture(page, "viewer-heat")
    page.keyboard.press("l")
    expect(legend).to_be_hidden()

    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Look closer")).to_be_visible()
    take_picture(page, "viewer-box")
    with page.expect_download() as started:
        page.get_by_role("button", name="Save as PNG").click()
    with Image.open(started.value.path()) as saved:
        assert saved.size == (80, 70), "half of the picture, a pixel for a pixel"
    page.get_by_role("button", name="Look closer").click()
    expect(page.locator('[data-field="zoom"]')).not_to_have_text("")
    page.keyboard.press("r")

    _drag_finger(page)
    expect(page.locator('[data-field="counter"]')).not_to_have_text("1 / 30")
    page.get_by_role("button", name="A drag zooms").click()
    stage = page.locator("#stage")
    stage.hover()
    page.mouse.down()
    page.mouse.move(640, 250, steps=4)
    page.mouse.up()
    expect(page.locator('[data-field="zoom"]')).not_to_have_text("")
    assert complaints == []


def test_the_viewer_keeps_what_was_switched(
    radiologist, chest: Series, sign_in, complaints
) -> None:
    page = sign_in("radiologist")
    address = f"{page.url}{chest.study.study_instance_uid}/series/{chest.series_instance_uid}/"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tools = {name: page.locator(f'[data-tool="{name}"]') for name in ("layers", "film", "overlay")}

    def opened(layers: str, film: str) -> None:
        page.goto(address)
        expect(tools["layers"]).to_be_enabled()
        for name, state in {"layers": layers, "film": film, "overlay": "true"}.items():
            expect(tools[name]).to_have_attribute("aria-pressed", state)
        page.wait_for_load_state("networkidle")

    opened("true", "false")
    drawn = [url for url in asked if "/overlays/" in url and not url.endswith("/overlays/")]
    for key in "lfo":
        page.keyboard.press(key)
    asked.clear()

    opened("false", "true")
    assert drawn
    assert not set(drawn) & set(asked), "what nobody looks at is not fetched"
    page.keyboard.press("l")
    _await_colour(page, lambda share: share > 0.02)
    page.keyboard.press("f")

    opened("true", "false")
    assert complaints == []


def _drag_finger(page: Page) -> None:
    """Drag one finger down over the stage: it scrolls."""
    page.keyboard.press("Home")
    page.evaluate(
        """() => {
            const stage = document.getElementById("stage");
            stage.setPointerCapture = () => {};
            const say = (kind, y) => stage.dispatchEvent(new PointerEvent(kind, {
                pointerId: 7, pointerType: "touch", clientX: 500, clientY: y, bubbles: true,
            }));
            say("pointerdown", 200);
            for (let y = 210; y <= 400; y += 10) say("pointermove", y);
            say("pointerup", 400);
        }"""
    )


def _await_colour(page: Page, is_there) -> None:
    """Wait until as much of the stage is coloured as is asked for."""
    for _ in range(200):
        shot = page.locator("#frame").screenshot()
        with Image.open(io.BytesIO(shot)) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        share = float(((pixels.max(axis=-1) - pixels.min(axis=-1)) > 20).mean())
        if is_there(share):
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"{share:.4f} of the picture is coloured")
