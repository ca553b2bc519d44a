"""Similar cases as a radiologist finds them: crop, feedback, compare, keep; and nothing found."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from inference.models import Calibration, SearchMatch, SearchSession
from inference.similarity.searches.matches import tell_of_matches
from tests.browsing import MARKS, await_images, take_picture, wider_than_the_window
from tests.builders.looks import Looks, make_looks

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = MARKS
_BELL = ".bell"


@pytest.fixture
def looks(transactional_db, project) -> Looks:
    return make_looks(project)


@pytest.fixture
def open_similar(looks, radiologist, sign_in, live_server):
    """The similar page of a series, by the radiologist."""

    def opened(series, **query: str) -> Page:
        page = sign_in("radiologist")
        more = "".join(f"&{name}={value}" for name, value in query.items())
        page.goto(f"{live_server.url}/similar/?series={series.series_instance_uid}{more}")
        expect(_hits(page).first).to_be_visible()
        return page

    return opened


def _hits(page: Page) -> Locator:
    return page.locator(".similar-grid .hit")


def _query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def _await_answer(page: Page) -> None:
    expect(page.locator("#similar-results.is-waiting")).to_have_count(0)


def _drag(page: Page, stage: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw with the mouse, from and to in shares of the stage."""
    box = stage.bounding_box()
    assert box is not None
    at = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=6)
    page.mouse.up()


def test_crop_search_by_mouse_and_keys(open_similar, looks, complaints):
    page = open_similar(looks.brains[0])
    stage = page.locator("#query-stage")
    expect(stage).to_have_attribute("data-ready", "true")
    await_images(page)
    take_picture(page, "similar-series")

    _drag(page, stage, (0.35, 0.3), (0.65, 0.6))
    page.wait_for_url(re.compile("region="))
    _await_answer(page)

    asked = _query(page)
    x, y, width, height = (int(part) for part in asked["region"][0].split(","))
    assert 0 <= x < x + width <= 256
    assert 0 <= y < y + height <= 256
    assert "instance" in asked
    expect(page.locator("[data-scope]")).to_have_text("a region")
    expect(_hits(page).first).to_be_visible()
    await_images(page)
    take_picture(page, "similar-crop")

    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(rf"region=(?!{x}%2C)"))
    moved = [int(part) for part in _query(page)["region"][0].split(",")]
    assert moved[0] > x
    assert moved[1:] == [y, width, height]
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_url(re.compile(rf"%2C(?!{height}(?:&|$))\d+(?:&|$)"))

    page.keyboard.press("Delete")
    page.wait_for_url(re.compile(r"^(?!.*region=)"))
    expect(page.locator("[data-scope]")).to_have_text("this image")
    page.get_by_role("button", name="Series", exact=True).click()
    page.wait_for_url(re.compile(r"^(?!.*instance=)"))
    page.go_back()
    expect(page.locator("[data-scope]")).to_have_text("this image")
    assert complaints == []


def test_slices_are_stepped_through_and_the_one_in_sight_is_asked_by(open_similar, looks):
    page = open_similar(looks.brains[0])
    counter = page.locator("[data-counter]")
    expect(counter).to_have_text("5 / 9")

    page.locator("#query-stage").focus()
    page.keyboard.press("ArrowDown")
    expect(counter).to_have_text("6 / 9")
    assert "instance" not in _query(page)
    page.get_by_role("button", name="This image").click()
    page.wait_for_url(re.compile("instance="))
    first = _query(page)["instance"]
    page.locator("#query-stage").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("instance") != first)


def test_an_uploaded_picture_is_cropped_and_never_in_the_address(open_similar, looks, complaints):
    page = open_similar(looks.films[0])
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (150, 1))
    stream = io.BytesIO()
    Image.fromarray(ramp).save(stream, "PNG")
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": stream.getvalue()}

    page.locator("#pick-picture").set_input_files(file)
    expect(page.locator("#picture-case")).to_be_visible()
    _await_answer(page)
    scores = page.locator(".hit-score strong")
    whole = scores.all_inner_texts()
    with page.expect_response("**/similar/picture/") as answered:
        _drag(page, page.locator("#picture-stage"), (0.3, 0.3), (0.5, 0.6))
    _await_answer(page)

    assert answered.value.status == 200
    expect(scores).not_to_have_text(whole)
    assert "region" not in _query(page)
    expect(_hits(page).first).to_be_visible()
    await_images(page)
    take_picture(page, "similar-picture")
    assert complaints == []


def test_feedback_rounds_are_undone_redone_saved_and_run_again(open_similar, looks, complaints):
    page = open_similar(looks.films[0])
    first = [hit.get_attribute("data-hit") for hit in _hits(page).all()]

    page.keyboard.press("j")
    page.keyboard.press("u")
    page.wait_for_url(re.compile("positive="))
    expect(page.locator(".example.is-for")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("d")
    page.wait_for_url(re.compile("negative="))
    expect(page.locator(".example.is-against")).to_have_count(1)
    shown = [hit.get_attribute("data-hit") for hit in _hits(page).all()]
    assert _query(page)["negative"][0] not in shown
    await_images(page)
    take_picture(page, "similar-feedback")

    page.keyboard.press("z")
    page.wait_for_url(re.compile(r"^(?!.*negative=)"))
    page.keyboard.press("z")
    page.wait_for_url(re.compile(r"^(?!.*positive=)"))
    expect(_hits(page)).to_have_count(len(first))
    page.get_by_role("button", name="Redo").click()
    page.wait_for_url(re.compile("positive="))

    page.locator("#save-menu > summary").click()
    page.get_by_label("Name").fill("Look-alikes of the heart")
    page.get_by_label("Who sees it").select_option("chest-clinic")
    page.get_by_text("Tell me of new matches").click()
    take_picture(page, "similar-save")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as")).to_be_visible()
    _tell_of_a_match(looks)
    _look_at_saved_searches(page)
    assert complaints == []


def _tell_of_a_match(looks: Looks) -> None:
    session = SearchSession.objects.get(name="Look-alikes of the heart")
    found = looks.films[1]
    SearchMatch.objects.create(session=session, study=found.study, series=found, score=0.93)
    tell_of_matches(session)


def _look_at_saved_searches(page: Page) -> None:
    """The bell says that something is new; the list shows what; seen, it falls silent."""
    page.reload()
    expect(page.locator(_BELL).locator(".count")).to_have_text("1")
    page.locator(_BELL).click()
    page.get_by_role("button", name="A saved search found new cases").click()
    expect(page.get_by_role("heading", name="Look-alikes of the heart")).to_be_visible()
    expect(page.locator(".matches li")).to_have_count(1)
    await_images(page)
    take_picture(page, "saved-searches")
    page.get_by_role("button", name="Seen").click()
    expect(page.locator(_BELL).locator(".count")).to_have_count(0)
    page.get_by_role("link", name="Run again").click()
    page.wait_for_url(re.compile("positive="))
    expect(page.locator(".example.is-for")).to_have_count(1)
    expect(_hits(page).first).to_be_visible()


def test_compare_scrolls_and_windows_together(open_similar, looks, complaints):
    page = open_similar(looks.brains[0], modality="MR")
    expect(_hits(page)).to_have_count(2)
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("c")
    page.wait_for_url("**/similar/compare/**")
    stages, counters = page.locator(".port .stage"), page.locator('[data-field="counter"]')
    for number in range(3):
        expect(stages.nth(number)).to_have_attribute("data-ready", "true")

    page.get_by_role("button", name="Position").click()
    stages.first.hover()
    page.keyboard.press("Home")
    for number in range(3):
        expect(counters.nth(number)).to_have_text("1 / 9")
    page.keyboard.press("ArrowDown")
    expect(counters.nth(2)).to_have_text("2 / 9")
    page.get_by_role("button", name="Off", exact=True).click()
    page.keyboard.press("ArrowDown")
    expect(counters.first).to_have_text("3 / 9")
    expect(counters.nth(2)).to_have_text("2 / 9")

    page.wait_for_load_state("networkidle")
    _drag(page, stages.first, (0.5, 0.5), (0.7, 0.6))
    windows = page.locator('[data-field="window"]')
    expect(windows.nth(2)).to_have_text(re.compile(r"C -?\d+\s+W \d+"))
    page.keyboard.press("+")
    expect(page.locator('[data-field="zoom"]').nth(2)).to_have_text("125 %")
    page.wait_for_load_state("networkidle")
    take_picture(page, "compare", is_full=True)
    expect(page.get_by_role("row", name=re.compile("Modality MR MR"))).to_be_visible()

    page.keyboard.press("r")
    expect(windows.nth(2)).to_have_text("")
    page.set_viewport_size({"width": 820, "height": 1100})
    take_picture(page, "compare-tablet", is_full=True)
    assert wider_than_the_window(page) == []
    assert complaints == []


def test_compare_of_what_is_forbidden_is_not_there(looks, outsider, sign_in, live_server):
    page = sign_in("outsider")
    uids = [looks.brains[number].instances.first().sop_instance_uid for number in (0, 1)]

    answer = page.goto(f"{live_server.url}/similar/compare/?ref={uids[0]}&with={uids[1]}")

    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_text("There is nothing here")).to_be_visible()


def test_filters_become_chips_that_can_be_removed(open_similar, looks, complaints):
    page = open_similar(looks.films[0])
    everything = _hits(page).count()
    page.locator("#filter-menu > summary").click()
    page.locator("#filter-menu").get_by_text("MR", exact=True).click()
    expect(_hits(page)).to_have_count(3)
    page.get_by_label("Body part").fill("BRAIN")
    page.keyboard.press("Enter")
    expect(page.locator(".filter-chip")).to_have_count(2)
    await_images(page)
    take_picture(page, "similar-filters")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")

    page.get_by_role("link", name="Remove Modality MR").click()
    expect(page.locator(".filter-chip")).to_have_count(1)
    page.get_by_role("link", name="Remove Body part Brain").click()
    expect(page.locator(".filter-chip")).to_have_count(0)
    expect(_hits(page)).to_have_count(everything)
    assert complaints == []


def test_nothing_similar_is_said_plainly(open_similar, looks, complaints):
    quantiles = [0.9999 + number * 1e-7 for number in range(101)]
    for level in ("series", "instance"):
        Calibration.objects.create(
            space=looks.space,
            level=level,
            cut=0.99999,
            nearest_quantiles=[0.0] * 101 if level == "series" else quantiles,
            number_of_objects=100,
        )

    page = open_similar(looks.films[0])

    expect(page.get_by_role("heading", name="Nothing in the archive is close")).to_be_visible()
    expect(page.locator(".hit.is-far").first).to_be_visible()
    await_images(page)
    take_picture(page, "similar-nothing")
    page.get_by_text("Image", exact=True).click()
    expect(page.get_by_role("heading", name="not the kind of image")).to_be_visible()
    page.get_by_role("button", name="Switch between light and dark").click()
    await_images(page)
    take_picture(page, "similar-unknown-light")
    assert complaints == []


def test_empty_archive_says_what_to_do(radiologist, project, sign_in, live_server, complaints):
    page = sign_in("radiologist")
    page.goto(f"{live_server.url}/similar/")

    expect(page.get_by_text("No studies in your projects yet")).to_be_visible()
    take_picture(page, "similar-empty")
    page.get_by_label("Words").fill("pneumothorax")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("text=pneumothorax"))
    _await_answer(page)
    take_picture(page, "similar-empty-words")
    page.goto(f"{live_server.url}/similar/searches/")
    expect(page.get_by_text("No search is saved yet")).to_be_visible()
    assert complaints == []


def test_nothing_moves_and_nothing_overflows(open_similar, looks):
    page = open_similar(looks.brains[0])
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.reload()
    await_images(page)
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.05
    for width in (1920, 1024, 420):
        page.set_viewport_size({"width": width, "height": 900})
        await_images(page)
        take_picture(page, f"similar-{width}")
        assert wider_than_the_window(page) == []
