"""Collecting, describing, exporting and being asked, in a real browser."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from archive.audit.types import Asker
from archive.collections.cases import add_case, describe_case
from archive.collections.services import create_collection, share_collection
from archive.collections.types import CasePath
from deploy.demo.cohort import BRAIN_MR, CHEST_FILM, HAND_FILM, visits
from deploy.demo.datasets import visit_files
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_bytes, store_datasets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Page

    from archive.models import Instance

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("TWINSIGHT_CHROMIUM", "/usr/bin/chromium"))
ARTIFACTS = Path(os.environ.get("TWINSIGHT_ARTIFACTS") or ROOT / "artifacts")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]
IS_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
FILMS = ((1, CHEST_FILM), (4, CHEST_FILM), (7, CHEST_FILM), (10, HAND_FILM), (17, BRAIN_MR))

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
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
        page.goto(f"{live_server.url}/collections/")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill("a long enough password")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/collections/")
        return page

    return sign_in_as


@pytest.fixture
def images(transactional_db, project) -> list[Instance]:
    """One image of each of five demonstration studies, and a CT of twelve slices."""
    by_what = {(visit.person.number, visit.kind): visit for visit in visits()}
    first = [next(iter(visit_files(by_what[what]))).content for what in FILMS]
    slices = make_ct_series(chest_phantom()[20:32], WindowCenter=-200, WindowWidth=1600)
    return [
        *store_bytes(*first, project=project),
        store_datasets(*slices, project=project)[0],
    ]


def _picture(page: Page, name: str, *, is_full: bool = False) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=is_full)


def _await_images(page: Page) -> None:
    page.wait_for_function(
        """() => [...document.images]
            .filter((one) => one.getBoundingClientRect().top < innerHeight)
            .every((one) => one.complete && one.naturalWidth > 0)"""
    )


@pytest.fixture
def quiz(radiologist, project, images) -> int:
    """A quiz of the radiologist's, shared in the project."""
    pk = _collection(radiologist, images, "quiz", "Friday quiz")
    asker = Asker(door="tests", user=radiologist)
    share_collection(radiologist, pk, asker=asker, project=project.slug)
    return pk


def _collection(user, images, kind, name) -> int:
    asker = Asker(door="tests", user=user)
    texts = {"description": "Cases of the Friday conference.\nBring your own coffee."}
    pk = create_collection(user, asker=asker, name=name, kind=kind, **texts)
    for number, image in enumerate(images, start=1):
        path = CasePath(series_uid=image.series.series_instance_uid)
        item, _ = add_case(user, pk, path, asker=asker)
        describe_case(
            user,
            pk,
            item,
            asker=asker,
            title=f"Unclear shadow {number}",
            diagnosis=("Lung nodule", "Cardiomegaly", "Pneumothorax")[number % 3],
            note="Seen first on a routine film; followed for a year without change.",
        )
    return pk


def test_collect_describe_order_and_export(
    radiologist, images, sign_in, complaints, live_server, tmp_path
):
    page = sign_in("radiologist")
    expect(page.get_by_text("Nothing collected yet")).to_be_visible()
    _picture(page, "collections-empty")
    page.get_by_role("button", name="New collection").first.click()
    _picture(page, "collection-new")
    page.get_by_label("Name", exact=True).fill("Shadows of the chest")
    page.get_by_text("Teaching file", exact=True).click()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Shadows of the chest")).to_be_visible()
    expect(page.get_by_text("No cases in it yet")).to_be_visible()
    _picture(page, "collection-empty")

    for image in images[:3]:
        _collect(page, f"{live_server.url}/studies/{image.series.study.study_instance_uid}/")
    page.get_by_role("link", name="Collections", exact=True).click()
    page.get_by_role("link", name="Open Shadows of the chest").click()
    _describe_and_order(page)

    page.get_by_role("link", name="Export…").click()
    expect(page.get_by_text("3 of 3 cases, 3 images")).to_be_visible()
    _await_images(page)
    _picture(page, "collection-export")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Export ZIP").click()
    downloading.value.save_as(tmp_path / "file.zip")
    with zipfile.ZipFile(tmp_path / "file.zip") as archive:
        archive.extractall(tmp_path / "out")
    _look_at_the_teaching_file(page, tmp_path / "out" / "index.html")
    assert complaints == []


def _collect(page: Page, study_url: str) -> None:
    page.goto(study_url)
    page.locator(".series-card").first.get_by_role("link", name="Collect").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Collect")).to_be_visible()
    _picture(page, "collect")
    dialog.get_by_role("button", name="Collect").click()
    expect(dialog.get_by_text("Added to")).to_be_visible()
    _picture(page, "collected")


def _describe_and_order(page: Page) -> None:
    cards = page.locator(".case-card")
    expect(cards).to_have_count(3)
    first = cards.first.get_attribute("data-case")
    cards.first.get_by_role("button", name="Describe case 1").click()
    page.get_by_label("Title").fill("A round shadow")
    page.get_by_label("Diagnosis").fill("Lung nodule")
    page.get_by_label("Note").fill("Eight millimetres, sharp edge.")
    _picture(page, "collection-describe")
    page.get_by_role("button", name="Keep", exact=True).first.click()
    expect(cards.first.get_by_text("Lung nodule")).to_be_visible()
    cards.first.get_by_role("button", name="Move case 1 later").click()
    expect(cards.nth(1)).to_have_attribute("data-case", first)
    cards.nth(2).drag_to(cards.nth(0))
    expect(cards.nth(2)).to_have_attribute("data-case", first)
    _await_images(page)
    _picture(page, "collection")


def _look_at_the_teaching_file(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    expect(page.get_by_text("Lung nodule")).to_be_hidden()
    page.get_by_text("Diagnosis", exact=True).first.click()
    expect(page.get_by_text("Lung nodule")).to_be_visible()
    _await_images(page)
    _picture(page, "teaching-file", is_full=True)


def test_quiz_is_answered_and_scored(colleague, quiz, sign_in, complaints, live_server):
    page = sign_in("colleague")
    page.get_by_role("link", name="Open Friday quiz").click()
    expect(page.get_by_text("Unclear shadow")).to_have_count(0)
    _await_images(page)
    _picture(page, "collection-of-a-quiz")
    page.get_by_role("link", name="Quiz", exact=True).click()
    _picture(page, "quiz-start")
    page.get_by_role("link", name="Start").click()
    _await_images(page)
    assert "Lung nodule" not in page.content()
    _picture(page, "quiz-question")
    for verdict in ("Right", "Wrong"):
        page.get_by_label("Your answer").fill("A nodule in the left upper lobe")
        page.get_by_role("button", name="Answer and see").click()
        expect(page.locator(".quiz-diagnosis")).to_be_visible()
        _await_images(page)
        _picture(page, "quiz-answered")
        page.get_by_role("button", name=verdict).click()
    page.goto(f"{live_server.url}/collections/{quiz}/quiz/")
    expect(page.get_by_text("1 right").first).to_be_visible()
    _scroll_through_the_stack(page)
    page.context.clear_cookies()
    page = sign_in("radiologist")
    page.goto(f"{live_server.url}/collections/{quiz}/quiz/")
    page.locator(".reader summary").first.click()
    _picture(page, "quiz-answers-of-all", is_full=True)
    page.goto(f"{live_server.url}/collections/")
    _await_images(page)
    _picture(page, "collections")
    _look_in_the_light_and_narrow(page, f"{live_server.url}/collections/{quiz}/")
    assert complaints == []


def _scroll_through_the_stack(page: Page) -> None:
    page.locator(".dot").last.click()
    place = page.locator("#quiz-place")
    expect(place).to_have_text("6")
    page.locator("#quiz-stage").hover()
    page.mouse.wheel(0, 120)
    expect(place).to_have_text("7")
    page.locator("#quiz-stage").focus()
    page.keyboard.press("End")
    expect(place).to_have_text("12")
    _await_images(page)
    _picture(page, "quiz-stack")


def _look_in_the_light_and_narrow(page: Page, url: str) -> None:
    page.get_by_role("button", name="Switch between light and dark").click()
    page.goto(url)
    _await_images(page)
    _picture(page, "collection-light")
    page.get_by_role("button", name="Share and edit").click()
    _picture(page, "collection-share")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 420, "height": 800})
    _picture(page, "collection-narrow")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
