"""Pictures, documents, volumes and videos of an upload become objects of a study."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from django.test import Client

from archive.dicom.reading import read_dataset
from archive.inbox import spool
from archive.inbox.errors import InvalidFieldError
from archive.inbox.working import work_on
from archive.inbox.wrapping import check_wrapping, wrapped_objects
from archive.models import Instance, Study, UploadBatch, UploadFile
from archive.retrieve.datasets import load_dataset
from tests.builders import foreign_files
from tests.builders.datasets import make_dataset
from tests.builders.scanner import MARK, fake_scanner
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
URL = "/api/v1/upload-batches"
PERSON = {"patient_id": "P7", "patient_name": "Wrap^Ada", "birth_date": "1970-01-31", "sex": "F"}


@pytest.fixture(autouse=True)
def inbox(settings, tmp_path):
    settings.TWINSIGHT_INBOX_DIR = tmp_path / "inbox"


@pytest.fixture
def client(radiologist):
    client = Client()
    client.force_login(radiologist)
    return client


def _sent(client, *files):
    batch = client.post(URL, {}, "application/json").json()["id"]
    named = {"files": [{"name": name, "size": len(content)} for name, content in files]}
    rows = client.post(f"{URL}/{batch}/files", named, "application/json").json()["results"]
    ids = ",".join(str(row["id"]) for row in rows)
    body = b"".join(content for _, content in files)
    client.post(
        f"{URL}/{batch}/whole?files={ids}", body, content_type="application/offset+octet-stream"
    )
    state = client.post(f"{URL}/{batch}/submit", {}, "application/json").json()["state"]
    assert state == "ready", "foreign files wait for words, wanted or not"
    return batch


def _store(client, batch, **said):
    return client.post(f"{URL}/{batch}/store", {"wrapping": said}, "application/json")


def _done(batch):
    for _ in range(20):
        if not work_on(batch, for_s=600):
            break
    assert UploadBatch.objects.get(pk=batch).state == "done"
    return dict(UploadFile.objects.filter(batch=batch).values_list("name", "state"))


def test_every_kind_becomes_an_object_of_the_same_study(client, project):
    batch = _sent(
        client,
        ("wound.png", foreign_files.picture()),
        ("letter.pdf", foreign_files.PDF),
        ("brain.nii", foreign_files.volume()),
        ("scope.mp4", foreign_files.video()),
        ("broken.png", foreign_files.picture()[:70]),
    )
    assert _store(client, batch, **PERSON, modality="MR").status_code == 202
    states = _done(batch)

    assert states.pop("broken.png") == "refused"
    assert set(states.values()) == {"stored"}
    study = Study.objects.get()
    assert study.patient.patient_name == "Wrap^Ada"
    assert list(study.projects.all()) == [project]
    found = [load_dataset(one) for one in Instance.objects.order_by("sop_class_uid", "pk")]
    assert len(found) == 3 + 5
    assert {ds.Modality for ds in found} == {"MR", "XC"}
    # Made again, they are the same objects.
    row = UploadFile.objects.get(batch=batch, name="wound.png")
    row.spool_name = spool.new_name()
    with spool.held(row.spool_name) as writer:
        writer.append(0, [foreign_files.picture()], max_bytes=10**6)
    (again,) = wrapped_objects(row.batch, row)
    made = read_dataset(io.BytesIO(b"".join(again)))
    assert made.SOPInstanceUID == row.sop_instance_uid


def test_files_join_a_study_that_is_here(client, project, other_project):
    known = make_dataset(PatientID="P1", PatientName="Known^Ada", PatientSex="F")
    foreign = make_dataset()
    store_datasets(known, project=project)
    store_datasets(foreign, project=other_project)
    batch = _sent(client, ("letter.pdf", foreign_files.PDF))

    elsewhere = _store(client, batch, study_uid=str(foreign.StudyInstanceUID))
    joined = _store(client, batch, study_uid=str(known.StudyInstanceUID))

    assert (elsewhere.status_code, elsewhere.json()["field"]) == (400, "study_uid")
    assert joined.status_code == 202
    assert _done(batch) == {"letter.pdf": "stored"}
    study = Study.objects.get(study_instance_uid=known.StudyInstanceUID)
    assert sorted(study.modalities_in_study) == ["CT", "DOC"]
    assert study.number_of_study_related_instances == 2


def test_the_virus_scanner_sees_a_file_before_it_becomes_an_object(client, settings):
    with tempfile.TemporaryDirectory() as folder, fake_scanner(Path(folder)) as scanner:
        settings.TWINSIGHT_CLAMD = scanner.path
        files = [("bad.pdf", foreign_files.PDF + MARK), ("good.pdf", foreign_files.PDF)]
        batch = _sent(client, *files)
        assert _store(client, batch, **PERSON, modality="OT").status_code == 202

        assert _done(batch) == {"bad.pdf": "quarantined", "good.pdf": "stored"}

        assert scanner.seen[0] == files[0][1], "as it came"
        entry = UploadFile.objects.get(name="bad.pdf").quarantine
        assert (entry.reason_code, entry.original_name) == ("infected", "bad.pdf")
        assert Instance.objects.count() == 1


def test_without_words_they_are_left_out(client):
    batch = _sent(client, ("letter.pdf", foreign_files.PDF))
    client.post(f"{URL}/{batch}/store", {}, "application/json")
    assert _done(batch) == {"letter.pdf": "skipped"}
    assert not Instance.objects.exists()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "patient_id"),
        ({"patient_id": "P1"}, "patient_name"),
        ({**PERSON, "sex": "X"}, "sex"),
        ({**PERSON, "birth_date": "31.1.1970"}, "birth_date"),
        ({**PERSON, "modality": "mr;"}, "modality"),
        ({**PERSON, "laterality": "UP"}, "laterality"),
        ({**PERSON, "study_uid": "1..2"}, "study_uid"),
        ({**PERSON, "owner": "me"}, "owner"),
        ({**PERSON, "patient_name": "A\u0000B"}, "patient_name"),
    ],
)
def test_wrong_words_are_named(radiologist, said, field):
    with pytest.raises(InvalidFieldError) as refused:
        check_wrapping(radiologist, said)
    assert refused.value.field == field
