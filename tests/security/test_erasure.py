"""What is deleted for good is gone everywhere (T86), a hold is stronger (T87)."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from archive.audit.types import Asker
from archive.bulk import exporting, services, working
from archive.bulk.services import start_job
from archive.bulk.working import work_on_job
from archive.curation.purging import purge_due
from archive.models import AuditEvent, BulkJob, Collection, Instance, Removal, Study, Tombstone
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import DICOM_MULTIPART, content_of, related
from tests.builders.stored import store_bytes

pytestmark = pytest.mark.django_db

STUDY = "1.2.826.0.1.9.81"
WORDS = {"name": "Erasedperson", "id": "ERASED-77", "description": "erased description"}
# What stays, to say that there was something: identifiers, no names.
STAYS = {
    "archive_tombstone",
    "archive_removal",
    "archive_auditevent",
    "archive_outboxevent",
}
FILE = as_part10(
    make_dataset(
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=f"{STUDY}.1",
        SOPInstanceUID=f"{STUDY}.1.1",
        PatientName=f"{WORDS['name']}^Ann",
        PatientID=WORDS["id"],
        StudyDescription=WORDS["description"],
    )
)
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def people(archive_admin, radiologist, project, monkeypatch):
    monkeypatch.setattr(services, "_wake", lambda _job: None)
    monkeypatch.setattr(working, "_PAUSE_S", 0)
    store_bytes(FILE, project=project)
    browsers = {}
    for user in (archive_admin, radiologist):
        browsers[user.username] = Client()
        browsers[user.username].force_login(user)
    return browsers


def _rows_with(word: str) -> dict[str, int]:
    """Count, over every table, the rows that hold the word anywhere."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            name = connection.ops.quote_name(table)
            cursor.execute(
                f"SELECT count(*) FROM {name} one WHERE one::text ILIKE %s",  # noqa: S608
                [f"%{word}%"],
            )
            if number := cursor.fetchone()[0]:
                found[table] = number
    return found


def _files_with(folder: Path, word: str) -> list[str]:
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes()
    ]


def _cached_with(word: str, url: str) -> list[str]:
    server = redis.Redis.from_url(url, db=1)
    return [
        repr(key)
        for key in server.scan_iter(count=500)
        if word.encode() in bytes(key) + (server.dump(key) or b"")
    ]


def _used(people, radiologist) -> BulkJob:
    """Look at the study in every way that leaves something behind."""
    clinician = people["radiologist"]
    for path in (
        f"/studies/{STUDY}/",
        f"/dicom-web/studies/{STUDY}/thumbnail",
        f"/dicom-web/studies/{STUDY}/metadata",
        f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1/rendered",
        "/studies/?q=erasedperson",
    ):
        content_of(clinician.get(path))
    collection = Collection.objects.create(owner=radiologist, name="Cases")
    collection.items.create(study=Study.objects.get(), position=1)
    job = start_job(
        asker=Asker(door="portal", user=radiologist),
        act="export",
        options={"anonymous": ""},
        study_uids=[STUDY],
    )
    work_on_job(job.pk, for_s=600)
    job.refresh_from_db()
    return job


def test_t86_erasure(people, radiologist, archive_admin, project, services) -> None:
    administrator, clinician = people["archive_admin"], people["radiologist"]
    job = _used(people, radiologist)
    digest = Instance.objects.select_related("blob").get().blob.sha256
    exports = Path(settings.TWINSIGHT_EXPORTS)
    assert _rows_with(WORDS["name"])
    assert job.state == "done", job

    answer = administrator.delete(f"/dicom-web/studies/{STUDY}", headers=SAME_ORIGIN)
    assert answer.status_code in {200, 204}, answer.content
    Removal.objects.update(purge_after=timezone.now())
    while purge_due():
        pass
    # Results lie for a day, what is deleted for weeks before it is purged.
    BulkJob.objects.update(result_until=timezone.now() - timedelta(hours=1))
    exporting.remove_old_results()

    assert not blob_store().exists(digest)
    assert [(word, rows) for word in WORDS.values() if (rows := _rows_with(word))] == []
    assert set(_rows_with(STUDY)) <= STAYS | {"archive_bulkitem"}
    home = blob_store().root
    for word in WORDS.values():
        assert _files_with(home, word) == []
        assert _cached_with(word, services.redis_url) == []
    assert not [path for path in exports.rglob("*") if path.is_file()], "the export is gone, too"
    for user in (administrator, clinician):
        for path in (f"/studies/{STUDY}/", f"/dicom-web/studies/{STUDY}/metadata"):
            assert user.get(path).status_code in {404, 410}
        assert user.get(f"/dicom-web/studies?StudyInstanceUID={STUDY}").status_code == 204
        assert b"Erasedperson" not in user.get("/studies/?q=erasedperson").content.replace(
            b"erasedperson", b""
        )
    # That it was there, and went, is on record.
    assert Tombstone.objects.filter(sop_instance_uid=f"{STUDY}.1.1").count() == 1
    acts = set(AuditEvent.objects.filter(study_instance_uid=STUDY).values_list("act", flat=True))
    assert {"delete", "purge"} <= acts
    # The same file again does not bring it back behind anybody's back.
    again = clinician.post(
        "/dicom-web/studies", related([FILE]), content_type=DICOM_MULTIPART, headers=SAME_ORIGIN
    )
    assert again.status_code == 409, again.content
    sent = io.BytesIO(FILE)
    sent.name = "again.dcm"
    clinician.get("/studies/")
    token = {"X-CSRFToken": clinician.cookies["csrftoken"].value}
    clinician.post("/api/v1/uploads", {"files": sent}, headers=token)
    assert not Study.objects.exists()


def test_t87_legal_hold(people, radiologist, archive_admin) -> None:
    """Delete under a hold: refused by every door, and on record."""
    Study.objects.update(legal_hold_reason="Lawsuit 12")
    administrator = people["archive_admin"]
    tries = [
        administrator.delete(f"/dicom-web/studies/{STUDY}", headers=SAME_ORIGIN),
        administrator.post("/removals/new/", {"study": STUDY, "reason": "A good reason"}),
    ]
    for answer in tries:
        assert answer.status_code not in {200, 204, 302}, answer.content
    assert Instance.objects.count() == 1
    assert not Removal.objects.exists()
    assert AuditEvent.objects.filter(outcome=4, study_instance_uid=STUDY).exists()
