"""Research in a browser: a refusal, for whom pseudonyms stand, a collection that leaves."""

from __future__ import annotations

import pytest

from archive.bulk import services
from archive.models import BulkJob, Collection, CollectionItem, Patient, Project
from archive.research.pseudonyms import note_study, open_realm, project_realm_name
from tests.browsing import MARKS, assert_accessible, take_picture, take_pictures
from tests.builders.identified import make_identified
from tests.builders.stored import store_datasets

pytestmark = MARKS


@pytest.fixture
def study(project, archive_admin, settings, tmp_path, monkeypatch):
    settings.TWINSIGHT_PSEUDONYM_KEYS_PATH = tmp_path / "PSEUDONYM_KEYS"
    monkeypatch.setattr(services, "_wake", lambda _job: None)
    (stored,) = store_datasets(make_identified(), project=project)
    found = stored.series.study
    collection = Collection.objects.create(owner=archive_admin, name="Nodules")
    CollectionItem.objects.create(
        collection=collection, study=found, position=1, added_by=archive_admin
    )
    return found


def test_a_patient_refuses_a_pseudonym_is_opened_a_collection_leaves(
    study, sign_in, complaints, live_server
):
    project = Project.objects.create(name="Lung study", slug="lung-study", is_deidentified=True)
    code = note_study(open_realm(project_realm_name(project.pk)), study)
    collection = Collection.objects.get()
    page = sign_in("archive_admin")

    page.goto(f"{live_server.url}/collections/{collection.pk}/")
    page.locator("summary", has_text="Research").click()
    take_picture(page, "research-collection")
    page.get_by_role("link", name="Export without identity").click()
    take_pictures(page, "research-act")
    assert_accessible(page)
    page.locator("form[data-act-form] button[type=submit]").click()
    page.locator("[data-started]").wait_for()
    assert BulkJob.objects.get().act == "research-export"

    page.goto(f"{live_server.url}/studies/{study.study_instance_uid}/download/")
    page.get_by_text("face and ears are taken off").wait_for()
    take_pictures(page, "research-cleaned")
    assert_accessible(page)
    page.get_by_role("button", name="Clean and make ZIP").click()
    page.locator("#job").wait_for()
    assert BulkJob.objects.latest("pk").options["within"] == "patient"

    page.goto(f"{live_server.url}/manage/research/")
    page.get_by_label("Pseudonym, or UID of a copy").fill(code)
    page.get_by_label("Why it has to be known").fill("A finding that cannot wait")
    page.get_by_role("button", name="Tell me, on record").click()
    page.locator("[role=status]", has_text="Zwetschge").wait_for()
    take_pictures(page, "research")
    assert_accessible(page)

    page.goto(f"{live_server.url}/studies/{study.study_instance_uid}/")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Research").click()
    page.get_by_label("Who said so, and how").fill("By letter of 3 May")
    page.get_by_role("button", name="The patient refuses").click()
    page.get_by_role("heading", name="The patient refused research").wait_for()
    take_pictures(page, "research-study")
    assert_accessible(page)
    assert Patient.objects.get().is_research_refused
    page.goto(f"{live_server.url}/manage/research/")
    take_picture(page, "research-refused", is_full=True)
    page.goto(f"{live_server.url}/studies/{study.study_instance_uid}/download/")
    take_picture(page, "research-download", is_full=True)
    assert complaints == []
