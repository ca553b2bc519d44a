"""Deleting a series and bringing it back, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from archive.audit.types import Asker
from archive.curation.removals import remove_objects
from archive.curation.types import ObjectPath
from archive.models import Instance
from tests.browsing import MARKS, take_picture, wider_than_the_window
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets

pytestmark = MARKS
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1440, "height": 900}


@pytest.fixture
def stored(transactional_db, project):
    first = make_ct_series(chest_phantom()[20:26], PatientName="Noether^Emmy")
    second = make_ct_series(chest_phantom()[20:24], PatientName="Curie^Marie")
    return [store_datasets(*datasets, project=project) for datasets in (first, second)]


def test_deleted_and_brought_back(stored, archive_admin, sign_in, complaints, live_server):
    study = stored[1][0].series.study.study_instance_uid
    asker = Asker(door="test", user=archive_admin)
    remove_objects(asker=asker, path=ObjectPath(study), reason="Sent to the wrong archive")
    seen = stored[0][0].series.study.study_instance_uid
    page = sign_in("archive_admin")
    page.set_viewport_size(DESK)
    page.goto(f"{live_server.url}/studies/{seen}/")
    page.locator("summary").filter(has_text="More").first.click()
    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_label("Delete").select_option(index=1)
    page.get_by_label("Why").fill("Wrong patient")
    take_picture(page, "removal-new")
    page.get_by_role("button", name="Delete").click()

    row = page.get_by_role("row", name="Wrong patient")
    expect(row).to_contain_text("6")
    take_picture(page, "removals")
    assert Instance.objects.visible_to(archive_admin).count() == 0
    row.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name="Wrong patient")).to_contain_text("brought back")
    assert Instance.objects.visible_to(archive_admin).count() == 6
    page.set_viewport_size(PHONE)
    page.goto(f"{live_server.url}/removals/")
    take_picture(page, "removals-phone")
    assert wider_than_the_window(page) == []
