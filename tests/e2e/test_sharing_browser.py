"""Sharing a study, opening it by its link, an emergency and the trail, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browsing import MARKS, assert_accessible, await_images, take_pictures
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets

pytestmark = MARKS


@pytest.fixture
def stored(transactional_db, project):
    datasets = make_ct_series(
        chest_phantom()[20:26], PatientName="Noether^Emmy", PatientID="NO-1", PatientSex="F"
    )
    return store_datasets(*datasets, project=project)


def test_shared_opened_and_read_in_the_trail(
    stored, outsider, archive_admin, sign_in, complaints, live_server
):
    study = stored[0].series.study.study_instance_uid
    page = sign_in("archive_admin")
    page.goto(f"{live_server.url}/studies/{study}/sharing/")
    page.get_by_label("Account").fill("outsider")
    page.get_by_label("Why").fill("A second opinion")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_text("A second opinion")).to_be_visible()
    page.get_by_label("For whom").fill("Dr. Curie, by mail")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#made-link").inner_text()
    assert_accessible(page)
    take_pictures(page, "sharing")
    page.goto(f"{live_server.url}/audit/")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert_accessible(page)
    take_pictures(page, "audit")

    visitor = page.context.browser.new_context().new_page()
    visitor.goto(link)
    await_images(visitor)
    assert_accessible(visitor)
    take_pictures(visitor, "shared")
    visitor.locator(".shared-card a").first.click()
    await_images(visitor)
    visitor.keyboard.press("ArrowDown")
    expect(visitor.locator("[data-count]")).to_have_text("5 / 6")
    assert_accessible(visitor)
    take_pictures(visitor, "shared-series")
    assert not complaints


def test_a_patient_is_opened_in_an_emergency(stored, outsider, sign_in, complaints, live_server):
    page = sign_in("outsider")
    page.goto(f"{live_server.url}/emergencies/")
    assert_accessible(page)
    page.get_by_label("Patient ID").fill("NO-1")
    page.get_by_label("Why").fill("Unconscious in the emergency room")
    page.get_by_role("button", name="Open, on record").click()
    expect(page.locator(".emergency-banner")).to_contain_text("NO-1")
    assert_accessible(page)
    take_pictures(page, "emergency-study")
    page.goto(f"{live_server.url}/emergencies/")
    take_pictures(page, "emergencies")
    page.locator(".emergency-banner").get_by_role("button", name="Close").click()
    expect(page.locator(".emergency-banner")).to_have_count(0)
    assert not complaints
