"""Deleting and bringing back, on pages."""

import pytest

from archive.models import Instance, Removal
from tests.builders.datasets import make_dataset
from tests.builders.sign_in import age_session, signed_in
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY = "1.2.826.0.1.9.91"
NEW = f"/removals/new/?study={STUDY}"


@pytest.fixture(autouse=True)
def stored(project):
    return store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=f"{STUDY}.{series}",
                SOPInstanceUID=f"{STUDY}.{series}.1",
                Modality="CT",
                PatientName="Doe^<b>Jane",
            )
            for series in (1, 2)
        ),
        project=project,
    )


def test_an_admin_deletes_a_series_and_brings_it_back(client, archive_admin):
    client.force_login(archive_admin)
    assert f"/removals/new/?study={STUDY}".encode() in client.get(f"/studies/{STUDY}/").content
    page = client.get(NEW).content.decode()
    assert f"{STUDY}.2" in page
    assert "<b>Jane" not in page

    response = client.post(
        "/removals/new/",
        {"study": STUDY, "series": f"{STUDY}.2", "reason": "wrong patient"},
        follow=True,
    )

    page = response.content.decode()
    assert "wrong patient" in page
    assert "Deleted: 1 object." in page
    removal = Removal.objects.get()
    assert (removal.level, removal.removed_by) == ("series", archive_admin)
    assert Instance.objects.visible_to(archive_admin).count() == 1

    page = client.post(f"/removals/{removal.pk}/undo/", follow=True).content.decode()

    assert "brought back" in page
    assert Instance.objects.visible_to(archive_admin).count() == 2
    again = client.post(f"/removals/{removal.pk}/undo/", follow=True).content.decode()
    assert "undone or purged already" in again


def test_deleting_wants_a_recent_sign_in(archive_admin, settings):
    browser = signed_in("archive_admin")
    age_session(browser, began_s=settings.TWINSIGHT_STEP_UP_S + 1)
    body = {"study": STUDY, "reason": "wrong patient"}
    asked = browser.post("/removals/new/", body)
    assert asked["Location"].startswith("/account/again/")
    told = browser.post("/api/v1/removals", body, "application/json")
    assert (told.status_code, told.json()["code"]) == (403, "recent-login-required")
    assert not Removal.objects.exists()
    # To look, and to undo, it need not be.
    assert browser.get(NEW).status_code == 200


def test_a_reason_is_asked_for(client, archive_admin):
    client.force_login(archive_admin)

    response = client.post("/removals/new/", {"study": STUDY, "reason": " "})

    assert response.status_code == 200
    assert b"Say why" in response.content
    assert not Removal.objects.exists()


def test_others_have_no_such_pages(client, radiologist, outsider):
    client.force_login(radiologist)
    assert b"/removals/new/" not in client.get(f"/studies/{STUDY}/").content
    assert client.get("/removals/").status_code == 403
    assert client.get(NEW).status_code == 403
    assert client.post("/removals/new/", {"study": STUDY, "reason": "x"}).status_code == 403
    client.force_login(outsider)
    assert client.get(NEW).status_code == 404
    assert client.post("/removals/1/undo/").status_code in {403, 404}
    assert not Removal.objects.exists()


@pytest.mark.parametrize("study", ["", "1.2.3", "../..", "\x00"])
def test_what_is_not_there_is_404(client, archive_admin, study):
    client.force_login(archive_admin)

    assert client.get("/removals/new/", {"study": study}).status_code == 404
    assert client.get("/removals/?page=nonsense").status_code == 200
    assert client.post("/removals/999/undo/").status_code == 404
