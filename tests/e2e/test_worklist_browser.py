"""The study list in a real browser: searched, kept, arranged, selected, acted on, kept fresh."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from archive.bulk.working import work_on_job
from archive.models import BulkJob, Collection
from tests.browsing import MARKS, assert_accessible, take_pictures
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets
from tests.factories.archive import PatientFactory, StudyFactory

pytestmark = MARKS


@pytest.fixture
def studies(transactional_db, project):
    datasets = make_ct_series(chest_phantom()[40:42])
    store_datasets(*datasets, project=project)
    return [
        StudyFactory(
            patient=PatientFactory(
                patient_name=f"Listed^{given}",
                patient_name_search=f"listed {given.lower()}",
                dicom_patient_id=f"L-{number}",
            ),
            projects=[project],
            accession_number=f"ACC-{number}",
            study_description="CT Thorax" if number % 2 else "MR Head",
        )
        for number, given in enumerate(("Anna", "Bert", "Cora", "Dora"))
    ]


def test_list_is_searched_kept_and_arranged(radiologist, studies, sign_in, complaints):
    page = sign_in("radiologist")
    page.keyboard.press("/")
    page.keyboard.type("listed thorax")
    page.wait_for_url("**/studies/?q=listed%20thorax")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_text("Saved filters").click()
    page.get_by_label("Name of this filter").fill("Thorax")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("The filter is kept.")).to_be_visible()

    page.get_by_role("button", name="Columns").click()
    columns = page.locator("#columns")
    columns.get_by_role("checkbox", name="Received").check()
    columns.get_by_role("checkbox", name="Accession").uncheck()
    assert_accessible(page, inside="#columns")
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Received")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Accession")).to_have_count(0)
    expect(page.locator("tbody tr")).to_have_count(2)

    page.get_by_role("link", name="Reset", exact=True).click()
    page.get_by_text("Saved filters").click()
    page.get_by_role("link", name="Thorax").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("[data-search]").fill("lister dorra")
    expect(page.get_by_text("Nobody is called exactly that.")).to_be_visible()
    take_pictures(page, "worklist-alike")
    assert complaints == []


def test_studies_are_selected_by_keys_and_acted_on(radiologist, studies, sign_in, complaints):
    Collection.objects.create(owner=radiologist, name="Interesting")
    page = sign_in("radiologist")
    bar = page.locator("#selection")
    for key in ("j", "x", "j", "j", "Shift+X"):
        page.keyboard.press(key)
    expect(bar.get_by_text("3 selected")).to_be_visible()
    take_pictures(page, "worklist-selected")
    assert_accessible(page)
    page.get_by_role("link", name="Patient").click()
    page.wait_for_url("**sort=patient**")
    expect(page.locator("tbody [data-mark]:checked")).to_have_count(3)
    page.get_by_label("Select all on this page").check()
    expect(bar.get_by_text("5 selected")).to_be_visible()

    bar.get_by_role("button", name="Add to a collection").click()
    expect(page.locator("#act select").first).to_be_focused()
    assert_accessible(page, inside="#act")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("5 studies are under way.")).to_be_visible()
    dock = page.locator("#jobs-dock")
    expect(dock.get_by_text("Waiting")).to_be_visible()
    expect(bar).to_be_hidden()
    work_on_job(BulkJob.objects.get().pk, for_s=600)
    expect(dock.get_by_text("Done")).to_be_visible()
    dock.get_by_role("link", name="Details").click()
    page.wait_for_url("**/jobs/*/")
    expect(page.get_by_text("5 of 5")).to_be_visible()
    assert_accessible(page)
    page.goto(f"{page.url.split('/jobs/')[0]}/jobs/")
    take_pictures(page, "jobs")
    assert complaints == []


def test_new_studies_show_without_taking_ones_place(
    radiologist, studies, project, sign_in, complaints
):
    page = sign_in("radiologist")
    page.keyboard.press("j")
    page.keyboard.press("x")
    StudyFactory(projects=[project])
    page.evaluate(
        "htmx.ajax('GET', document.getElementById('study-news').getAttribute('hx-get'),"
        " {target: '#study-news', swap: 'outerHTML'})"
    )
    button = page.get_by_role("link", name="1 new study")
    expect(button).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(5)
    button.click()
    expect(page.locator("tbody tr")).to_have_count(6)
    expect(page.locator("tbody [data-mark]:checked")).to_have_count(1)
    assert complaints == []


def test_a_part_that_does_not_come_is_told_and_taken_back(
    radiologist, studies, sign_in, complaints
):
    page = sign_in("radiologist")
    row = page.get_by_role("columnheader", name="Date").get_by_role("link")
    told = page.get_by_role("alert")

    page.route("**/studies/?*", lambda route: route.fulfill(status=503, body="away"))
    row.click()
    expect(told).to_contain_text("database does not answer")
    assert_accessible(page)
    take_pictures(page, "worklist-outage")
    page.unroute("**/studies/?*")
    row.click()
    expect(told).to_have_count(0)

    page.route("**/studies/?*", lambda route: route.abort())
    row.click()
    expect(told).to_contain_text("The archive does not answer")
    told.get_by_role("button", name="Close").click()
    expect(told).to_have_count(0)
    # Those that the test itself made fail.
    complaints.clear()
