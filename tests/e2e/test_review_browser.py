"""Reviewing by keyboard, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from inference.models import ResultReview
from tests.browsing import MARKS, take_picture, wider_than_the_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = MARKS


@pytest.fixture
def page(live_server, radiologist, context, sign_in, complaints, make_result) -> Iterator[Page]:
    """A clinician's page with three results to review."""
    for number in range(1, 4):
        make_result(number)
    context.set_default_timeout(60_000)
    opened = sign_in("radiologist")
    opened.set_viewport_size({"width": 1440, "height": 900})
    yield opened
    assert complaints == []


def test_results_are_decided_by_keyboard(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.get_by_role("heading", name="Results to review").wait_for()
    take_picture(page, "review-list")
    assert wider_than_the_window(page) == []

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.locator("#stage[data-ready=true]").wait_for()
    take_picture(page, "review-detail")
    page.keyboard.press("a")
    page.wait_for_function("document.querySelector('.notice')?.textContent.includes('Accepted')")

    page.keyboard.press("e")
    field = page.get_by_placeholder("Right answer").first
    expect(field).to_be_focused()
    page.keyboard.type("atelectasis")
    take_picture(page, "review-correcting")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.notice')?.textContent.includes('Corrected')")

    page.keyboard.press("x")
    expect(page.get_by_label("Reason or remark")).to_be_focused()
    page.keyboard.type("Motion artefact")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Nothing waits for you").wait_for()
    take_picture(page, "review-empty")
    decisions = ResultReview.objects.order_by("pk").values_list("decision", flat=True)
    assert list(decisions) == ["accepted", "edited", "rejected"]


def test_a_phone_shows_image_and_decision(page: Page, live_server) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}/worklist/review/")
    page.locator("[data-open]").first.click()
    page.locator("#stage[data-ready=true]").wait_for()
    take_picture(page, "review-phone", is_full=True)
    assert wider_than_the_window(page) == []
