"""The portal as a radiologist uses it, in a real browser on the real parts."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from deploy.demo.cohort import BRAIN_MR, CHEST_FILM, HAND_FILM, visits
from deploy.demo.datasets import visit_files
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("TWINSIGHT_CHROMIUM", "/usr/bin/chromium"))
ARTIFACTS = Path(os.environ.get("TWINSIGHT_ARTIFACTS") or ROOT / "artifacts")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
MODELS_MS = 180_000
IS_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    # In CI a missing browser is a failure, not a skip.
    pytest.mark.skipif(not CHROMIUM.exists() and not IS_CI, reason="Chromium is not installed"),
]


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: errors of scripts, refusals by the CSP, failed answers."""
    return []


@pytest.fixture
def sign_in(live_server, context, complaints) -> Callable[[str], Page]:
    def sign_in_as(username: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.on(
            "response",
            lambda response: (
                complaints.append(f"{response.status} {response.url}")
                if response.status >= 500
                else None
            ),
        )
        page.goto(f"{live_server.url}/studies/")
        _picture(page, "login")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill("a long enough password")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/studies/")
        return page

    return sign_in_as


def _picture(page: Page, name: str, *, is_full: bool = False) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=is_full)


def _await_images(page: Page) -> None:
    """Wait until every picture in sight is loaded, and none is broken."""
    page.wait_for_function(
        """() => [...document.images]
            .filter((one) => one.getBoundingClientRect().top < innerHeight)
            .every((one) => one.complete && one.naturalWidth > 0)"""
    )


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
    _await_images(page)
    _picture(page, "similar")
    page.get_by_label("Modality").select_option("MR")
    expect(hits).to_have_count(1)
    assert "modality=MR" in page.url
    _look_at_the_list(page, len(chosen))
    assert complaints == []


def _upload(page: Page, chosen: list) -> None:
    package = {"name": "studies.zip", "mimeType": "application/zip", "buffer": _zip_of(chosen)}
    _picture(page, "study-list-empty")
    page.get_by_role("link", name="Upload", exact=True).click()
    page.locator("#pick-files").set_input_files(package)
    page.locator('#batch[data-state="done"]').wait_for(timeout=120_000)
    expect(page.locator("#tally-failed")).to_have_text("0")
    expect(page.locator("#tally-quarantined")).to_have_text("1")
    expect(page.locator("#results")).to_contain_text("This is not a DICOM file")
    assert int(page.locator("#tally-stored").inner_text()) >= len(chosen)
    _picture(page, "upload")


def _await_findings(page: Page) -> None:
    panel = page.locator("#panel-findings")
    expect(panel).to_contain_text("Searchable by look", timeout=MODELS_MS)
    expect(panel.get_by_text("Working")).to_be_hidden(timeout=MODELS_MS)
    expect(panel).to_contain_text("not for diagnostic use")
    _await_images(page)
    _picture(page, "study")


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
    _await_images(page)
    _picture(page, "study-list")
    page.get_by_role("button", name="Switch between light and dark").click()
    _picture(page, "study-list-light")
    page.set_viewport_size({"width": 420, "height": 800})
    _await_images(page)
    _picture(page, "study-list-narrow")
    assert _wider_than_the_window(page) == []


def _wider_than_the_window(page: Page) -> list[str]:
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("body *")]
                .filter((one) => one.getBoundingClientRect().right > innerWidth)
                .map((one) => one.outerHTML.slice(0, 120))"""
    )


def test_search_by_keyboard_and_open_the_first_study(
    radiologist, stored_series, sign_in, complaints
):
    page = sign_in("radiologist")
    page.keyboard.press("/")
    page.keyboard.type("doe")
    page.wait_for_url("**/studies/?patient=doe")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#f-patient")).to_have_value("doe")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    _picture(page, "keyboard-help")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/studies/{stored_series.study.study_instance_uid}/")
    page.go_back()
    expect(page.locator("#f-patient")).to_have_value("doe")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("#f-patient").fill("nobody")
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
    assert _shown(page) != first

    before = _shown(page)
    page.keyboard.press("2")
    expect(window).to_have_text("C -600 W 1500")
    page.wait_for_load_state("networkidle")
    assert _shown(page) != before

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
    _picture(page, "viewer")
    assert complaints == []


def _shown(page: Page) -> str:
    return page.evaluate("document.getElementById('frame').toDataURL()")


def test_outsider_finds_neither_study_nor_picture(outsider, stored_series, sign_in):
    study_uid = stored_series.study.study_instance_uid
    page = sign_in("outsider")
    expect(page.get_by_text("No studies in your projects yet")).to_be_visible()

    answer = page.goto(f"{page.url}{study_uid}/")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_text("There is nothing here")).to_be_visible()
    _picture(page, "not-found")
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
    _await_images(page)
    page.wait_for_timeout(300)

    assert page.evaluate("window.shift") < 0.02
