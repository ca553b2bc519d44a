"""Why these two, in a real browser: the partials, script and styles that pages include."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.template.loader import render_to_string
from django.utils.html import format_html
from playwright.sync_api import expect

from deploy.demo.cohort import CHEST_FILM, visits
from deploy.demo.datasets import visit_files
from tests.browsing import MARKS, take_picture
from tests.builders.stored import store_bytes

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


@pytest.fixture
def films(transactional_db, project):
    """Chest films of two patients, and the encoder to compare them with."""
    from inference.runs.defaults import install_defaults

    install_defaults()
    wanted = [visit for visit in visits() if visit.kind == CHEST_FILM][:2]
    contents = [next(iter(visit_files(visit))).content for visit in wanted]
    return store_bytes(*contents, project=project)


@pytest.fixture
def page(radiologist, films, sign_in) -> Page:
    """A page of the portal with what a page that asks "why" has on it."""
    page = sign_in("radiologist")
    page.add_style_tag(url="/static/portal/css/similarity-map.css")
    page.add_script_tag(url="/static/portal/js/similarity-map.js")
    return page


def _ask(page: Page, *, query_instance: str = "", query_region: str = "", result: str) -> None:
    """Put the dialog and one button on the page, and press it."""
    html = format_html(
        "<button data-likeness-open data-query-instance='{}' data-query-region='{}'"
        " data-result-instance='{}' data-result-name='Chest PA'>Why?</button>",
        query_instance,
        query_region,
        result,
    )
    html += render_to_string("similarity/_map.html", {"answer": None})
    page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", html)
    page.locator("[data-likeness-open]").last.click()


def _await_maps(page: Page) -> None:
    expect(page.locator("[data-likeness-content]")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-likeness-wait]")).to_be_hidden()


def _drawn(page: Page, side: str) -> str:
    return page.evaluate(
        "(side) => document.querySelector(`[data-likeness-stage=${side}] canvas`).toDataURL()", side
    )


def _await_another(page: Page, side: str, *before: str) -> None:
    """Wait until something is drawn that none of those was."""
    page.wait_for_function(
        """([side, before]) => !before.includes(
            document.querySelector(`[data-likeness-stage=${side}] canvas`).toDataURL()
        )""",
        arg=[side, before],
    )


def test_map_is_drawn_pointed_at_and_switched_off(page, films):
    ours, theirs = (instance.sop_instance_uid for instance in films)
    _ask(page, query_instance=ours, result=theirs)
    _await_maps(page)
    take_picture(page, "similarity-map")
    coloured = _drawn(page, "query"), _drawn(page, "result")

    page.locator("[data-likeness-stage=query]").hover()
    expect(page.locator("[data-likeness-reading]")).to_contain_text(
        "Best counterpart in the similar"
    )
    take_picture(page, "similarity-map-pointed")
    _await_another(page, "result", coloured[1])

    page.mouse.move(5, 5)
    page.keyboard.press("p")
    page.get_by_label("Strength").fill("100")
    _await_another(page, "query", coloured[0])
    strong = _drawn(page, "query")
    take_picture(page, "similarity-map-strong")
    page.keyboard.press("h")
    _await_another(page, "query", coloured[0], strong)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_places_are_reached_by_keyboard(page, films):
    ours, theirs = (instance.sop_instance_uid for instance in films)
    _ask(page, query_instance=ours, result=theirs)
    _await_maps(page)

    page.locator("[data-likeness-stage=result]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-likeness-reading]")).to_contain_text("in your case")


def test_region_alone_is_coloured(page, films):
    ours, theirs = (instance.sop_instance_uid for instance in films)
    rows = films[0].rows
    region = f"{rows // 8},{rows // 8},{rows // 3},{rows // 2}"
    _ask(page, query_instance=ours, query_region=region, result=theirs)
    _await_maps(page)

    expect(page.locator("[data-likeness-note=query]")).to_have_text("region")
    take_picture(page, "similarity-map-region")


def test_upload_is_compared_and_a_missing_one_is_said(page, films, tmp_path):
    _ask(page, result=films[1].sop_instance_uid)
    expect(page.locator("[data-likeness-problem]")).to_contain_text("no picture to compare")
    page.keyboard.press("Escape")
    page.evaluate(
        """async (uid) => {
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 256;
            const drawing = canvas.getContext("2d");
            for (let k = 0; k < 60; k += 1) {
                drawing.fillStyle = `hsl(0 0% ${20 + (k * 37) % 70}%)`;
                drawing.fillRect((k * 53) % 220, (k * 91) % 220, 20 + (k % 7) * 6, 30);
            }
            const file = await new Promise((done) => canvas.toBlob(done, "image/png"));
            window.likenessMap.useImage(file);
            await window.likenessMap.open({ resultInstance: uid });
        }""",
        films[1].sop_instance_uid,
    )
    _await_maps(page)
    shown = page.locator("[data-likeness-stage=query] img").get_attribute("src")
    assert shown.startswith("data:image/jpeg;base64,")


def test_what_can_t_be_compared_is_said(page, films):
    _ask(page, query_instance=films[0].sop_instance_uid, result="1.2.3.4")
    expect(page.locator("[data-likeness-problem]")).to_contain_text("There is no such instance")


def test_two_narrow_pictures_stand_below_each_other(page, films):
    page.set_viewport_size({"width": 420, "height": 900})
    ours, theirs = (instance.sop_instance_uid for instance in films)
    _ask(page, query_instance=ours, result=theirs)
    _await_maps(page)

    take_picture(page, "similarity-map-narrow")
    dialog = page.locator("#likeness")
    assert dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")
