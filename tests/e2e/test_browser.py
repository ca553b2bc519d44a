"""The portal as a radiologist uses it, in a real browser on the real parts."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from deploy.demo.cohort import BRAIN_MR, CHEST_FILM, HAND_FILM, visits
from deploy.demo.datasets import visit_files
from tests.browsing import MARKS, await_images, take_picture, wider_than_the_window
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MODELS_MS = 180_000
pytestmark = MARKS


def _visits() -> list:
    """Studies of seven patients: five chest films, a hand, a brain; the first is the case."""
    wanted = [(4, CHEST_FILM), (2, CHEST_FILM), (5, CHEST_FILM), (7, CHEST_FILM)]
    wanted += [(13, CHEST_FILM), (6, HAND_FILM), (3, BRAIN_MR)]
    by_what = {(visit.person.number, visit.kind): visit for visit in visits()}
    return [by_what[what] for what in wanted]


def _zip_of(chosen: list) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for visit in chosen:
            for file in visit_files(visit):
                archive.writestr(file.name, file.content)
        archive.writestr("notes/readme.txt", "not a DICOM file")
    return buffer.getvalue()


@pytest.fixture
def installed_models(transactional_db) -> None:
    from inference.runs.defaults import install_defaults

    install_defaults()


@pytest.fixture
def stored_series(transactional_db, project):
    """A CT of a phantom, twenty slices."""
    volume = chest_phantom()[20:40]
    datasets = make_ct_series(volume, WindowCenter=-200, WindowWidth=1600)
    return store_datasets(*datasets, project=project)[0].series


def test_upload_a_zip_open_the_study_and_find_its_twins(
    radiologist, installed_models, celery_worker, sign_in, complaints
):
    chosen = _visits()
    asked, twins = chosen[0], {visit.study_instance_uid for visit in chosen[1:5]}

    page = sign_in("radiologist")
    _upload(page, chosen)
    page.locator(f'[data-study="{asked.study_instance_uid}"]').click()
    _await_findings(page)
    page.locator(".series-card").first.get_by_role("link", name="Find similar").click()
    hits = _await_hits(page, len(chosen) - 1)

    found = [
        hit.get_by_role("link", name="Study").get_attribute("href").split("/")[-2]
        for hit in hits.all()
    ]
    assert set(found[: len(twins)]) == twins
    assert asked.study_instance_uid not in found
    await_images(page)
    take_picture(page, "similar")
    page.locator("#filter-menu > summary").click()
    page.locator("#filter-menu").get_by_text("MR", exact=True).click()
    expect(hits).to_have_count(1)
    assert "modality=MR" in page.url
    page.keyboard.press("Escape")
    _look_at_the_list(page, len(chosen))
    assert complaints == []


def _upload(page: Page, chosen: list) -> None:
    package = {"name": "studies.zip", "mimeType": "application/zip", "buffer": _zip_of(chosen)}
    take_picture(page, "study-list-empty")
    page.get_by_role("link", name="Upload", exact=True).click()
    page.locator("#pick-files").set_input_files(package)
    page.locator('#batch[data-state="done"]').wait_for(timeout=120_000)
    expect(page.locator("#tally-failed")).to_have_text("0")
    expect(page.locator("#tally-quarantined")).to_have_text("1")
    expect(page.locator("#results")).to_contain_text("This is not a DICOM file")
    assert int(page.locator("#tally-stored").inner_text()) >= len(chosen)
    take_picture(page, "upload")


def _await_findings(page: Page) -> None:
    panel = page.locator("#panel-findings")
    expect(panel).to_contain_text("Searchable by look", timeout=MODELS_MS)
    expect(panel.get_by_text("Working")).to_be_hidden(timeout=MODELS_MS)
    expect(panel).to_contain_text("not for diagnostic use")
    await_images(page)
    take_picture(page, "study")


def _await_hits(page: Page, count: int) -> Locator:
    """Ask again until so many cases are found: some may still be embedded."""
    hits = page.locator(".similar-grid .hit")
    for _ in range(60):
        hits.first.wait_for(timeout=MODELS_MS)
        if hits.count() == count:
            break
        page.wait_for_timeout(2000)
        page.reload()
    expect(hits).to_have_count(count)
    return hits


def _look_at_the_list(page: Page, count: int) -> None:
    """In the dark, in the light, and in a narrow window, which must not scroll sideways."""
    page.get_by_role("link", name="Studies").click()
    expect(page.locator("tbody tr")).to_have_count(count)
    await_images(page)
    take_picture(page, "study-list")
    page.get_by_role("button", name="Switch between light and dark").click()
    take_picture(page, "study-list-light")
    page.set_viewport_size({"width": 420, "height": 800})
    await_images(page)
    take_picture(page, "study-list-narrow")
    assert wider_than_the_window(page) == []


def test_search_by_keyboard_and_open_the_first_study(
    radiologist, stored_series, sign_in, complaints
):
    page = sign_in("radiologist")
    page.keyboard.press("/")
    page.keyboard.type("doe")
    page.wait_for_url("**/studies/?q=doe")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("[data-search]")).to_have_value("doe")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    take_picture(page, "keyboard-help")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/studies/{stored_series.study.study_instance_uid}/")
    page.go_back()
    expect(page.locator("[data-search]")).to_have_value("doe")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("[data-search]").fill("nobody")
    expect(page.get_by_text("No study matches these filters")).to_be_visible()
    assert complaints == []


def test_viewer_scrolls_and_windows(radiologist, stored_series, sign_in, complaints):
    page = sign_in("radiologist")
    page.goto(
        f"{page.url}{stored_series.study.study_instance_uid}"
        f"/series/{stored_series.series_instance_uid}/"
    )
    stage, counter = page.locator("#stage"), page.locator('[data-field="counter"]')
    window = page.locator('[data-field="window"]')
    expect(stage).to_have_attribute("data-ready", "true")
    expect(counter).to_have_text("10 / 20")
    expect(window).to_have_text("C -200 W 1600")
    first = _shown(page)

    page.keyboard.press("End")
    expect(counter).to_have_text("20 / 20")
    stage.hover()
    page.mouse.wheel(0, -40)
    expect(counter).to_have_text("19 / 20")
    page.keyboard.press("Home")
    expect(counter).to_have_text("1 / 20")
    expect(page.locator("#loaded")).to_have_attribute("width", "100.0%")
    _await_another(page, first)

    before = _shown(page)
    page.keyboard.press("2")
    expect(window).to_have_text("C -600 W 1500")
    _await_another(page, before)

    stage.hover()
    page.mouse.down()
    page.mouse.move(900, 300, steps=4)
    page.mouse.up()
    expect(window).not_to_have_text("C -600 W 1500")
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("r")
    expect(window).to_have_text("C -200 W 1600")
    page.wait_for_load_state("networkidle")
    take_picture(page, "viewer")
    assert complaints == []


def _shown(page: Page) -> str:
    return page.evaluate("document.getElementById('frame').toDataURL()")


def _await_another(page: Page, before: str) -> None:
    """Wait until another picture is drawn: numbers beside it change first."""
    page.wait_for_function(
        "before => document.getElementById('frame').toDataURL() !== before", arg=before
    )


def test_outsider_finds_neither_study_nortake_picture(outsider, stored_series, sign_in):
    study_uid = stored_series.study.study_instance_uid
    page = sign_in("outsider")
    expect(page.get_by_text("No studies in your projects yet")).to_be_visible()

    answer = page.goto(f"{page.url}{study_uid}/")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_text("There is nothing here")).to_be_visible()
    take_picture(page, "not-found")
    root = page.url.split("/studies/")[0]
    path = f"studies/{study_uid}/series/{stored_series.series_instance_uid}/thumbnail"
    assert page.request.get(f"{root}/dicom-web/{path}").status == 404


def test_nothing_moves_while_the_study_list_loads(radiologist, stored_series, sign_in):
    page = sign_in("radiologist")
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.reload()
    await_images(page)
    page.wait_for_timeout(300)

    assert page.evaluate("window.shift") < 0.02
