"""OHIF under /viewer/ on this archive: images, what models drew and wrote, what people measure."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from archive.models import Instance
from inference.models import ModelVersion
from inference.runs.defaults import install_defaults
from tests.browsing import ARGUMENTS, CHROMIUM, MARKS, ROOT, take_picture
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.nodule_case import make_detector, run_once, store_chest
from tests.builders.overlays import make_pdf, make_structures
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from playwright.sync_api import Page

    from archive.models import Series

VIEWER = Path(os.environ.get("TWINSIGHT_TEST_VIEWER") or ROOT / "var" / "viewer")
# Without a GPU, WebGL by software: with none at all OHIF's viewport stays black.
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PICTURE_MS = 120_000
pytestmark = [
    *MARKS,
    pytest.mark.skipif(not (VIEWER / "viewer.json").exists(), reason="OHIF is not installed"),
]


@pytest.fixture
def context(context) -> Iterator:
    """Instead of the browser of other tests, one that draws by WebGL."""
    browser = context.browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, *WEBGL]
    )
    yield browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    browser.close()


@pytest.fixture
def chest(project, settings, tmp_path: Path) -> Series:
    """A chest CT whose body, bones and lungs a model drew and measured."""
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    settings.TWINSIGHT_VIEWER_DIR = VIEWER
    install_defaults()
    series = store_chest(project)
    run_once(ModelVersion.objects.get(name="ct-body-bone-lung"), series)
    run_once(make_detector(), series)
    return series


@pytest.fixture
def open_in_ohif(live_server, chest: Series, radiologist, sign_in) -> Callable[..., Page]:
    """Open the study, or a series of it, and wait for pixels."""
    pages: list[Page] = []

    def opened(**parts: str) -> Page:
        page = pages[0] if pages else sign_in("radiologist")
        pages.append(page)
        asked = {"StudyInstanceUIDs": chest.study.study_instance_uid, **parts}
        query = "&".join(f"{key}={value}" for key, value in asked.items())
        page.goto(f"{live_server.url}/viewer/viewer?{query}")
        consent = page.get_by_role("button", name="Confirm and hide")
        page.get_by_text("CT Thorax").first.wait_for(timeout=PICTURE_MS)
        if len(pages) == 1:
            consent.click(timeout=PICTURE_MS)
        return page

    return opened


def test_images_segmentations_and_reports_open(open_in_ohif, chest: Series, complaints) -> None:
    page = open_in_ohif()
    _await_pixels(page, lambda pixels: _colourful(pixels) < 0.01 < _bright(pixels))
    take_picture(page, "ohif-ct")
    page.get_by_text("lung-nodule-ct: heat").first.dblclick()
    _await_pixels(page, lambda pixels: _colourful(pixels) > 0.001)
    take_picture(page, "ohif-heat")

    segmentation = chest.study.series.get(modality="SEG")
    open_in_ohif(initialSeriesInstanceUID=segmentation.series_instance_uid)
    _await_pixels(page, lambda pixels: _colourful(pixels) > 0.2)
    take_picture(page, "ohif-seg")

    measured, detected = chest.study.series.filter(modality="SR").order_by("series_number")
    open_in_ohif(initialSeriesInstanceUID=measured.series_instance_uid)
    expect(page.get_by_text("Imaging Measurement Report")).to_be_visible(timeout=PICTURE_MS)
    expect(page.get_by_text("Long axis:").first).to_be_visible()
    expect(page.get_by_text("Not for diagnostic use").first).to_be_visible()
    take_picture(page, "ohif-sr")

    open_in_ohif(initialSeriesInstanceUID=detected.series_instance_uid)
    # The box and its numbers, in the green of a report's places.
    _await_pixels(page, lambda pixels: _colourful(pixels) > 0.001)
    take_picture(page, "ohif-sr-boxes")
    assert complaints == []


def test_a_measurement_is_stored_as_a_report(open_in_ohif, chest: Series, complaints) -> None:
    page = open_in_ohif()
    _await_pixels(page, lambda pixels: _bright(pixels) > 0.01)
    page.locator('[data-cy="MeasurementTools-split-button-primary"]').click()
    page.mouse.move(700, 400)
    page.mouse.down()
    page.mouse.move(820, 440, steps=5)
    page.mouse.up()
    page.locator('[data-cy="trackedMeasurements-btn"]').click()
    page.get_by_role("button", name="Create SR").click()
    page.get_by_role("dialog").get_by_placeholder("Report name").fill("Length by hand")
    with page.expect_response("**/dicom-web/studies", timeout=PICTURE_MS) as answer:
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
    take_picture(page, "ohif-measured")

    assert answer.value.status == 200, answer.value.text()
    stored = Instance.objects.get(series__series_description="Length by hand")
    assert stored.series.study_id == chest.study_id
    assert stored.series.modality == "SR"
    assert complaints == []


def test_structures_are_drawn_documents_framed_and_priors_offered(
    live_server, project, radiologist, settings, sign_in, complaints
) -> None:
    settings.TWINSIGHT_VIEWER_DIR = VIEWER
    shared = {"PatientID": "OHIF-1", "WindowCenter": -200, "WindowWidth": 1600}
    shared |= {"RescaleSlope": 1, "RescaleIntercept": -1024}
    volume = chest_phantom()[14:34]
    older = make_ct_series(volume[:4], StudyDate="20240101", StudyDescription="CT 2024", **shared)
    images = make_ct_series(volume, StudyDate="20260301", StudyDescription="CT Thorax", **shared)
    structures = make_structures(images)
    store_datasets(*older, project=project)
    letter = make_pdf(images[0], "Dear colleague", "Second page")
    store_datasets(*images, structures, letter, project=project)
    page = sign_in("radiologist")
    asked = {
        "StudyInstanceUIDs": images[0].StudyInstanceUID,
        "initialSeriesInstanceUID": structures.SeriesInstanceUID,
    }
    query = "&".join(f"{key}={value}" for key, value in asked.items())
    page.goto(f"{live_server.url}/viewer/viewer?{query}")
    page.get_by_role("button", name="Confirm and hide").click(timeout=PICTURE_MS)
    _await_pixels(page, lambda pixels: _colourful(pixels) > 0.001)
    expect(page.get_by_text("CT 2024")).to_be_visible(timeout=PICTURE_MS)
    take_picture(page, "ohif-rtstruct")
    page.get_by_text("Letter").first.dblclick()
    document = page.frame_locator('iframe[title="PDF"]')
    document.get_by_role("img", name="Page 1").wait_for(timeout=PICTURE_MS)
    _await_pixels(page, lambda pixels: _bright(pixels) > 0.5)
    take_picture(page, "ohif-pdf")
    # OHIF exchanges its viewport while it draws, and says so of itself.
    assert [one for one in complaints if "viewport has been destroyed" not in one] == []


def _await_pixels(
    page: Page, is_there: Callable[[npt.NDArray[np.uint8]], bool]
) -> npt.NDArray[np.uint8]:
    """Wait until the viewport shows what is asked for: images come after the network is quiet."""
    for _ in range(PICTURE_MS // 2000):
        pixels = _viewport(page)
        if is_there(pixels):
            return pixels
        page.wait_for_timeout(2000)
    take_picture(page, "ohif-failed")
    raise AssertionError(f"{_bright(pixels):.3f} bright, {_colourful(pixels):.3f} coloured")


def _viewport(page: Page) -> npt.NDArray[np.uint8]:
    """Return the middle of the window, where the image is."""
    clip = {"x": 500, "y": 200, "width": 700, "height": 500}
    with Image.open(io.BytesIO(page.screenshot(clip=clip))) as picture:
        return np.asarray(picture.convert("RGB"))


def _bright(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the share of light grey pixels."""
    return float((pixels.min(axis=-1) > 180).mean())


def _colourful(pixels: npt.NDArray[np.uint8]) -> float:
    """Return the share of pixels that are far from grey."""
    spread = pixels.max(axis=-1).astype(int) - pixels.min(axis=-1)
    return float((spread > 40).mean())
