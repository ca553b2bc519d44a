"""Correcting a study in a real browser: accessible, in both themes, at three widths."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from archive.models import Correction
from tests.archive.corrections.served import file_of
from tests.browsing import MARKS, assert_accessible, take_pictures
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = MARKS
STUDY = "1.2.826.0.1.9.93"


@pytest.fixture
def stored(transactional_db, project, other_project):
    return store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=f"{STUDY}.{number}",
                SeriesNumber=number,
                SeriesDescription=words,
                PatientName="Noether^Emi",
                PatientID="EN-1882",
            )
            for number, words in ((1, "Thorax axial 1.0"), (2, "Knee coronal"))
        ),
        make_dataset(PatientID="EN-1882", PatientName="Noether^Emmy", AccessionNumber=""),
        make_dataset(PatientID="MC-1867", PatientName="Curie^Marie"),
        project=project,
    )


def test_a_study_is_corrected(stored, archive_admin, sign_in, complaints, live_server):
    page = sign_in("archive_admin")
    page.goto(f"{live_server.url}/studies/{STUDY}/")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Correct").click()
    take_pictures(page, "correct-patient")
    assert_accessible(page)
    page.get_by_label("Name").fill("Noether^Emmy")
    page.get_by_label("Why").fill("Misspelt at registration")
    page.get_by_role("button", name="Correct the patient").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Emmy")
    page.get_by_role("link", name="Whose study").click()
    page.get_by_label("Find the right patient").fill("Curie")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Curie")).to_be_visible()
    take_pictures(page, "correct-whose")
    assert_accessible(page)
    page.get_by_role("link", name="Series").click()
    page.get_by_role("checkbox", name="Knee").check()
    page.get_by_role("radio", name="a study of their own").check()
    page.get_by_label("Why").fill("Two examinations in one study")
    take_pictures(page, "correct-series")
    assert_accessible(page)
    page.get_by_role("button", name="Move the series").click()
    expect(page.get_by_text("in this study now")).to_be_visible()
    for part in ("study", "order", "project", "hold", "history"):
        page.goto(f"{live_server.url}/corrections/studies/{STUDY}/?part={part}")
        assert_accessible(page)
        take_pictures(page, f"correct-{part}")
    page.goto(f"{live_server.url}/corrections/")
    take_pictures(page, "corrections")
    assert_accessible(page)
    # The later one first: the split series say the corrected name.
    for reason in ("Two examinations", "Misspelt"):
        row = page.get_by_role("row", name=reason)
        row.get_by_role("button", name="Undo").click()
        expect(row).to_contain_text("undone")
    assert str(file_of(stored[0].sop_instance_uid).PatientName) == "Noether^Emi"
    assert Correction.objects.filter(undone_at__isnull=False).count() == 2
    for place in ("/identity/", "/corrections/unmatched/"):
        page.goto(f"{live_server.url}{place}")
        take_pictures(page, f"corrections{place.replace('/', '-')}")
        assert_accessible(page)
    assert complaints == []
