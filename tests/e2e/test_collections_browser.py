"""Collecting, describing, exporting and being asked, in a real browser."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from archive.audit.types import Asker
from archive.collections.cases import add_case, describe_case
from archive.collections.services import create_collection, share_collection
from archive.collections.types import CasePath
from deploy.demo.cohort import BRAIN_MR, CHEST_FILM, HAND_FILM, visits
from deploy.demo.datasets import visit_files
from tests.browsing import MARKS, await_images, take_picture
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_bytes, store_datasets

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from archive.models import Instance

FILMS = ((1, CHEST_FILM), (4, CHEST_FILM), (7, CHEST_FILM), (10, HAND_FILM), (17, BRAIN_MR))

pytestmark = MARKS


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
    page.goto(f"{live_server.url}/collections/")
    expect(page.get_by_text("Nothing collected yet")).to_be_visible()
    take_picture(page, "collections-empty")
    page.get_by_role("button", name="New collection").first.click()
    take_picture(page, "collection-new")
    page.get_by_label("Name", exact=True).fill("Shadows of the chest")
    page.get_by_text("Teaching file", exact=True).click()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Shadows of the chest")).to_be_visible()
    expect(page.get_by_text("No cases in it yet")).to_be_visible()
    take_picture(page, "collection-empty")

    for image in images[:3]:
        _collect(page, f"{live_server.url}/studies/{image.series.study.study_instance_uid}/")
    page.get_by_role("link", name="Collections", exact=True).click()
    page.get_by_role("link", name="Open Shadows of the chest").click()
    _describe_and_order(page)

    page.get_by_role("link", name="Export…").click()
    expect(page.get_by_text("3 of 3 cases · 3 images")).to_be_visible()
    await_images(page)
    take_picture(page, "collection-export")
    # Films are read for text by a job; who looked at each of them has the ZIP at once.
    expect(page.get_by_role("button", name="Clean and make ZIP")).to_be_visible()
    for box in page.get_by_label("I looked at every image").all():
        box.check()
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
    take_picture(page, "collect")
    dialog.get_by_role("button", name="Collect").click()
    expect(dialog.get_by_text("Added to")).to_be_visible()
    take_picture(page, "collected")


def _describe_and_order(page: Page) -> None:
    cards = page.locator(".case-card")
    expect(cards).to_have_count(3)
    first = cards.first.get_attribute("data-case")
    cards.first.get_by_role("button", name="Describe case 1").click()
    page.get_by_label("Title").fill("A round shadow")
    page.get_by_label("Diagnosis").fill("Lung nodule")
    page.get_by_label("Note").fill("Eight millimetres, sharp edge.")
    take_picture(page, "collection-describe")
    page.get_by_role("button", name="Keep", exact=True).first.click()
    expect(cards.first.get_by_text("Lung nodule")).to_be_visible()
    cards.first.get_by_role("button", name="Move case 1 later").click()
    expect(cards.nth(1)).to_have_attribute("data-case", first)
    # The order is kept before the next card is taken; a drop needs a move over its target.
    page.wait_for_load_state("networkidle")
    cards.nth(2).hover()
    page.mouse.down()
    cards.nth(0).hover()
    cards.nth(0).hover(position={"x": 20, "y": 20})
    page.mouse.up()
    expect(cards.nth(2)).to_have_attribute("data-case", first)
    await_images(page)
    take_picture(page, "collection")


def _look_at_the_teaching_file(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    expect(page.get_by_text("Lung nodule")).to_be_hidden()
    page.get_by_text("Diagnosis", exact=True).first.click()
    expect(page.get_by_text("Lung nodule")).to_be_visible()
    await_images(page)
    take_picture(page, "teaching-file", is_full=True)


def test_quiz_is_answered_and_scored(colleague, quiz, sign_in, complaints, live_server):
    page = sign_in("colleague")
    page.goto(f"{live_server.url}/collections/")
    page.get_by_role("link", name="Open Friday quiz").click()
    expect(page.get_by_text("Unclear shadow")).to_have_count(0)
    await_images(page)
    take_picture(page, "collection-of-a-quiz")
    page.get_by_role("link", name="Quiz", exact=True).click()
    take_picture(page, "quiz-start")
    page.get_by_role("link", name="Start").click()
    await_images(page)
    assert "Lung nodule" not in page.content()
    take_picture(page, "quiz-question")
    for verdict in ("Right", "Wrong"):
        page.get_by_label("Your answer").fill("A nodule in the left upper lobe")
        page.get_by_role("button", name="Answer and see").click()
        expect(page.locator(".quiz-diagnosis")).to_be_visible()
        await_images(page)
        take_picture(page, "quiz-answered")
        page.get_by_role("button", name=verdict).click()
    page.goto(f"{live_server.url}/collections/{quiz}/quiz/")
    expect(page.get_by_text("1 right").first).to_be_visible()
    _scroll_through_the_stack(page)
    page.context.clear_cookies()
    page = sign_in("radiologist")
    page.goto(f"{live_server.url}/collections/{quiz}/quiz/")
    page.locator(".reader summary").first.click()
    take_picture(page, "quiz-answers-of-all", is_full=True)
    page.goto(f"{live_server.url}/collections/")
    await_images(page)
    take_picture(page, "collections")
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
    await_images(page)
    take_picture(page, "quiz-stack")


def _look_in_the_light_and_narrow(page: Page, url: str) -> None:
    page.get_by_role("button", name="Switch between light and dark").click()
    page.goto(url)
    await_images(page)
    take_picture(page, "collection-light")
    page.get_by_role("button", name="Share and edit").click()
    take_picture(page, "collection-share")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 420, "height": 800})
    take_picture(page, "collection-narrow")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide
