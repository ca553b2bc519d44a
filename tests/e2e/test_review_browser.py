"""Reviewing by keyboard, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from archive.audit.types import Asker
from archive.models import Membership
from inference.models import Label, ResultReview, Run
from inference.review.services import review_result
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from inference.training.labelling import NewLabel, add_labels
from tests.browsing import MARKS, take_picture, wider_than_the_window
from tests.builders.vectors import direction, make_space

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
    expect(page.locator(".notice")).to_contain_text("Accepted")

    page.keyboard.press("e")
    field = page.get_by_placeholder("Right answer").first
    expect(field).to_be_focused()
    page.keyboard.type("atelectasis")
    take_picture(page, "review-correcting")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("Corrected")

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
    page.locator("[data-open]").first.wait_for()
    take_picture(page, "review-list-phone", is_full=True)
    assert wider_than_the_window(page) == []
    # A card gives what was found a line's width.
    box = page.locator("[data-open]").first.bounding_box()
    assert box is not None
    assert box["height"] < 60
    page.locator("[data-open]").first.click()
    page.locator("#stage[data-ready=true]").wait_for()
    take_picture(page, "review-phone", is_full=True)
    assert wider_than_the_window(page) == []


def test_agreement_is_shown(page: Page, live_server, radiologist) -> None:
    reviewer = Asker(door="portal", user=radiologist)
    second = User.objects.create_user("second", password="x")
    Membership.objects.create(
        user=second, project=radiologist.memberships.get().project, role="annotator"
    )
    runs = list(Run.objects.filter(state="succeeded").order_by("pk"))
    for place, run in enumerate(runs):
        review = review_result(
            asker=reviewer,
            run_id=run.pk,
            decision="rejected" if place == 1 else "accepted",
            reason="Artefact" if place == 1 else "",
        )
        moment = review.created_at - timedelta(days=7 * (len(runs) - place))
        ResultReview.objects.filter(pk=review.pk).update(created_at=moment)
        for number, user in enumerate((radiologist, second)):
            add_labels(
                asker=Asker(door="portal", user=user),
                labels=[
                    NewLabel(
                        label_set="finding",
                        label="mass" if (place + number) % 3 else "none",
                        series=run.series.series_instance_uid,
                    )
                ],
            )
    page.goto(f"{live_server.url}/worklist/agreement/")
    page.get_by_role("heading", name="Among readers").wait_for()
    take_picture(page, "review-agreement", is_full=True)
    assert wider_than_the_window(page) == []


def test_a_region_is_labelled_by_keyboard(page: Page, live_server, make_result) -> None:
    run = make_result(9)
    study, series = run.study.study_instance_uid, run.series.series_instance_uid
    page.goto(f"{live_server.url}/worklist/labels/{study}/{series}/")
    page.locator("#stage[data-ready=true]").wait_for()
    page.keyboard.press("b")
    page.locator("[data-region]").wait_for()
    expect(page.locator("[data-target]")).to_contain_text("On a region of image 1")
    page.get_by_label("Set").fill("finding")
    page.get_by_placeholder("Another label").fill("nodule")
    take_picture(page, "labelling-region")
    page.get_by_role("button", name="Label", exact=True).click()
    page.get_by_role("link", name="Show nodule").click()
    page.locator("[data-region]").wait_for()
    take_picture(page, "labelling-shown")
    label = Label.objects.get()
    assert (label.label, len(label.region), label.instance is not None) == ("nodule", 4, True)
    page.keyboard.press("1")
    expect(page.get_by_text("· radiologist")).to_have_count(2)
    page.goto(f"{live_server.url}/studies/{study}/")
    page.get_by_role("heading", name="Labels").wait_for()
    take_picture(page, "labels-panel")
    assert wider_than_the_window(page) == []


def test_queue_of_labelling(page: Page, live_server) -> None:
    space = make_space(is_default=True)
    for place, run in enumerate(Run.objects.order_by("pk")):
        image = run.series.instances.get()
        vector = InstanceVector(instance_id=image.pk, vector=direction(0.4 * place))
        store_embeddings(space=space, vectors=[vector])
        refresh_series_embedding(space=space, series_id=run.series_id)
    page.goto(f"{live_server.url}/worklist/labelling/")
    page.get_by_role("heading", name="Labelling").wait_for()
    page.get_by_label("Set of labels").fill("finding")
    take_picture(page, "labelling-start")
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Nothing labelled looks like it").wait_for()
    page.get_by_placeholder("Another label").fill("mass")
    page.keyboard.press("Enter")
    page.get_by_text("1 labelled, 2 not").wait_for()
    take_picture(page, "labelling-queue")
    page.keyboard.press("1")
    page.get_by_text("2 labelled, 1 not").wait_for()
