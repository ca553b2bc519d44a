"""Refused files decided about: mended in a copy, tried again, discarded and brought back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction
from django.test import Client

from archive.inbox.quarantine.discarding import purge_discarded
from archive.models import AuditEvent, Blob, Instance, Membership, Quarantine
from archive.retrieve.datasets import load_dataset
from archive.storage.stores import blob_store
from tests.builders import bad_input
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
URL = "/api/v1/quarantine"


@pytest.fixture
def admin(radiologist, project):
    """A radiology admin of the one project."""
    Membership.objects.create(user=radiologist, project=project, role="radiology_admin")
    client = Client()
    client.force_login(radiologist)
    return client


def _refused(client, content, project):
    body = {"project": project.slug}
    from django.core.files.uploadedfile import SimpleUploadedFile

    client.post("/api/v1/uploads", {**body, "files": [SimpleUploadedFile("x.dcm", content)]})
    return Quarantine.objects.latest("pk")


def _retry(client, entry, **body):
    return client.post(f"{URL}/{entry.pk}/retry", body, "application/json")


def test_a_mended_copy_says_what_it_was(admin, project):
    known = make_dataset(PatientID="P1", PatientName="Right^Ada")
    store_datasets(known, project=project)
    wrong = make_dataset(
        PatientID="P9", PatientName="Wrong^Bert", StudyInstanceUID=known.StudyInstanceUID
    )
    content = as_part10(wrong)
    entry = _refused(admin, content, project)

    details = admin.get(f"{URL}/{entry.pk}").json()
    as_it_came = _retry(admin, entry)
    values = {"PatientID": "P1", "PatientName": "Right^Ada"}
    without_reason = _retry(admin, entry, values=values)
    done = _retry(admin, entry, values=values, reason="Wrong card in the scanner")

    assert details["values"]["PatientName"] == "Wrong^Bert"
    assert (as_it_came.status_code, as_it_came.json()["code"]) == (400, "still-refused")
    assert without_reason.json()["field"] == "reason"
    assert (done.status_code, done.json()["outcome"]) == (200, "stored")
    stored = Instance.objects.get(sop_instance_uid=wrong.SOPInstanceUID)
    ds = load_dataset(stored)
    assert (ds.PatientID, str(ds.PatientName)) == ("P1", "Right^Ada")
    assert ds.PixelData == wrong.PixelData
    (original,) = ds.OriginalAttributesSequence
    assert original.ModifiedAttributesSequence[0].PatientID == "P9"
    assert original.ReasonForTheAttributeModification == "CORRECT"
    entry.refresh_from_db()
    assert entry.resolution.startswith("stored: stored as")
    # What came is still what came.
    file = admin.get(f"{URL}/{entry.pk}/file")
    assert b"".join(file.streaming_content) == content
    assert file["Content-Disposition"].startswith("attachment")
    event = AuditEvent.objects.get(act="retry-quarantine")
    assert event.details["values"] == ["PatientID", "PatientName"]
    assert event.details["reason"] == "Wrong card in the scanner"
    assert _retry(admin, entry).status_code == 409
    assert Quarantine.objects.count() == 1, "a try leaves no second entry"


def test_other_content_is_kept_as_an_instance_of_its_own(admin, project):
    known = make_dataset()
    store_datasets(known, project=project)
    known.RescaleSlope = 2
    entry = _refused(admin, as_part10(known), project)
    assert entry.reason_code == "sop-instance-conflict"

    done = _retry(admin, entry, values={"SOPInstanceUID": "new"}, reason="A new version").json()

    assert done["instance_uid"] != known.SOPInstanceUID
    assert Instance.objects.count() == 2
    assert Instance.objects.order_by().values("series").distinct().count() == 1


def test_missing_identifiers_are_put_in_and_broken_bytes_stay(admin, project):
    nameless = _refused(admin, bad_input.without_study_instance_uid(), project)
    broken = _refused(admin, bad_input.truncated_in_pixels(), project)

    done = _retry(admin, nameless, values={"StudyInstanceUID": "new"}, reason="It had none")
    still = _retry(admin, broken)

    assert done.json()["outcome"] == "stored"
    assert still.json()["code"] == "still-refused"
    details = admin.get(f"{URL}/{broken.pk}").json()
    assert details["has_bytes"] is True


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"PixelData": "x"}, "PixelData"),
        ({"PatientID": "a\\b"}, "PatientID"),
        ({"PatientBirthDate": "yesterday"}, "PatientBirthDate"),
        ({"PatientSex": "X"}, "PatientSex"),
        ({"StudyInstanceUID": "1..2"}, "StudyInstanceUID"),
        ({"SOPInstanceUID": ""}, "SOPInstanceUID"),
        ({"PatientName": "a\u0000b"}, "PatientName"),
    ],
)
def test_wrong_values_are_named(admin, project, values, field):
    entry = _refused(admin, bad_input.without_study_instance_uid(), project)
    response = _retry(admin, entry, values=values, reason="why")
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_discarded_bytes_come_back_until_they_are_purged(admin, project, settings):
    entry = _refused(admin, b"no DICOM " * 40, project)
    url = f"{URL}/{entry.pk}/discard"

    assert admin.post(url, {"reason": " "}, "application/json").status_code == 400
    assert admin.post(url, {"reason": "A text"}, "application/json").status_code == 204
    assert admin.post(url, {"reason": "A text"}, "application/json").status_code == 409
    assert purge_discarded() == 0
    assert admin.delete(url).status_code == 204
    assert admin.delete(url).status_code == 409
    admin.post(url, {"reason": "A text"}, "application/json")
    sha256 = Quarantine.objects.get().blob.sha256
    Quarantine.objects.update(resolved_at="2020-01-01T00:00Z")

    assert purge_discarded() == 1

    assert not Blob.objects.exists()
    assert not blob_store().exists(sha256)
    assert admin.get(f"{URL}/{entry.pk}/file").status_code == 404
    assert admin.get(f"{URL}/{entry.pk}").json()["unreadable"] == "Its bytes were not kept."


def test_purging_leaves_bytes_that_are_archived(admin, project):
    known = make_dataset(PatientID="P1", PatientName="Right^Ada")
    store_datasets(known, project=project)
    stranger = as_part10(make_dataset(PatientID="P9", StudyInstanceUID=known.StudyInstanceUID))
    entry = _refused(admin, stranger, project)
    instance = Instance.objects.get()
    Quarantine.objects.update(
        blob=instance.blob, resolution="discarded: x", resolved_at="2020-01-01T00:00Z"
    )

    assert purge_discarded() == 1

    assert blob_store().exists(instance.blob.sha256)
    entry.refresh_from_db()
    assert entry.blob is None


@pytest.mark.django_db(transaction=True)
def test_purging_leaves_bytes_that_are_taken_up_at_that_moment(admin, project):
    (instance,) = store_datasets(make_dataset(), project=project)
    entry = _refused(admin, b"no DICOM " * 40, project)
    sha256 = entry.blob.sha256
    Quarantine.objects.update(resolution="discarded: x", resolved_at="2020-01-01T00:00Z")
    is_taken = Event()

    def take_up() -> None:
        with transaction.atomic():
            Instance.objects.filter(pk=instance.pk).update(blob=entry.blob)
            # As at the end of a store: from here on the row of the bytes can't go.
            connection.check_constraints()
            is_taken.set()
            deadline = time.monotonic() + 60
            with connection.cursor() as cursor:
                while time.monotonic() < deadline:
                    cursor.execute("SELECT FROM pg_locks WHERE NOT granted")
                    if cursor.fetchall():
                        break
        connection.close()

    with ThreadPoolExecutor() as pool:
        taking = pool.submit(take_up)
        assert is_taken.wait(60)
        purge_discarded()
        taking.result(60)

    assert blob_store().exists(sha256)
    assert Blob.objects.filter(sha256=sha256).exists()


def test_entries_are_for_admins_of_their_project(admin, project, outsider, colleague):
    entry = _refused(admin, b"no DICOM " * 40, project)
    for person in (outsider, colleague):
        other = Client()
        other.force_login(person)
        for method, path in (
            ("get", ""), ("get", "/file"), ("post", "/retry"), ("delete", "/discard")
        ):  # fmt: skip
            url = f"{URL}/{entry.pk}{path}"
            response = getattr(other, method)(url, content_type="application/json")
            assert response.status_code == 404, (method, path)
        assert other.get(f"/quarantine/{entry.pk}/").status_code == 404
        assert other.get("/quarantine/report.csv").status_code == 403
    entry.refresh_from_db()
    assert entry.resolved_at is None
    lines = b"".join(admin.get("/quarantine/report.csv").streaming_content).decode().splitlines()
    assert lines[0].startswith("id,received,reason")
    assert len(lines) == 2
