"""Media out and in again: written, read by pydicom's own reader of media, uploaded."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.test import Client
from pydicom.fileset import FileSet
from pydicom.uid import JPEGLSLossless

from archive.models import AuditEvent, Collection, CollectionItem, UploadFile
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.dciodvfy import PROGRAM

pytestmark = pytest.mark.django_db
URL = "/api/v1/media"


@pytest.fixture
def client(radiologist, settings, tmp_path):
    settings.TWINSIGHT_INBOX_DIR = tmp_path / "inbox"
    client = Client()
    client.force_login(radiologist)
    return client


@pytest.fixture
def studies(project):
    """Two studies of two patients, one of two series, with umlauts and without a Patient ID."""
    first = make_dataset(PatientName="Müller^Änne", SpecificCharacterSet="ISO_IR 192")
    again = make_dataset(
        PatientName="Müller^Änne", SpecificCharacterSet="ISO_IR 192", Modality="MR",
        StudyInstanceUID=first.StudyInstanceUID, InstanceNumber=None,
    )  # fmt: skip
    nameless = make_dataset(PatientID="", PatientName="=2+3", StudyDate="")
    store_datasets(first, again, nameless, project=project)
    return [first, again, nameless]


def _medium(client, datasets, **more):
    uids = sorted({str(ds.StudyInstanceUID) for ds in datasets})
    response = client.post(URL, {"studies": uids, **more}, "application/json")
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def test_a_medium_is_read_by_others_and_comes_in_again(client, studies, tmp_path):
    content = _medium(client, studies)
    folder = tmp_path / "medium"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)

    found = FileSet(folder / "DICOMDIR")

    assert {str(one.SOPInstanceUID) for one in found} == {str(ds.SOPInstanceUID) for ds in studies}
    by_uid = {str(ds.SOPInstanceUID): ds for ds in studies}
    for one in found:
        assert one.load().PixelData == by_uid[str(one.SOPInstanceUID)].PixelData
        assert one.load().file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert len(found.find_values("PatientID")) == 2
    found._stage["t"].cleanup()
    assert "Müller^Änne" in [str(name) for name in found.find_values("PatientName")]
    assert (folder / "README.TXT").read_text().startswith("This medium holds 2 studies")
    assert "Müller, Änne" in (folder / "INDEX.HTM").read_text()
    events = AuditEvent.objects.filter(act="export", details__kind="medium")
    assert {event.study_instance_uid for event in events} == {
        str(ds.StudyInstanceUID) for ds in studies
    }

    # In again, one file of the index lost: the rest is known, the lost one is named.
    members = dict(_members(content))
    lost = next(name for name in members if name.startswith("DICOM/"))
    del members[lost]
    rows = _upload(client, members)
    assert rows[lost] == ("refused", "The medium's index names this file, and it did not come.")
    assert rows["DICOMDIR"][1] == "The index of a medium: 2 of the 3 files it names are here."
    assert [state for state, _ in rows.values()].count("duplicate") == 2


def _members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def _upload(client, members):
    url = "/api/v1/upload-batches"
    batch = client.post(url, {}, "application/json").json()["id"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    content = buffer.getvalue()
    named = {"files": [{"name": "cd.zip", "size": len(content)}]}
    (row,) = client.post(f"{url}/{batch}/files", named, "application/json").json()["results"]
    client.patch(
        f"{url}/{batch}/files/{row['id']}",
        content,
        content_type="application/offset+octet-stream",
        headers={"Upload-Offset": "0"},
    )
    assert client.post(f"{url}/{batch}/submit", {}, "application/json").json()["state"] == "done"
    found = UploadFile.objects.filter(batch=batch).exclude(name="cd.zip")
    return {row.name.removeprefix("cd.zip/"): (row.state, row.reason) for row in found}


def test_compressed_files_may_stay_so(client, project, tmp_path):
    from archive.dicom.transcoding import as_transfer_syntax

    ds = make_dataset()
    from tests.builders.stored import store_bytes

    store_bytes(as_transfer_syntax(ds, JPEGLSLossless), project=project)

    plain = dict(_members(_medium(client, [ds])))
    kept = dict(_members(_medium(client, [ds], keeps_compression=True)))

    assert JPEGLSLossless.encode() not in plain["DICOM/ST000001/SE000001/IM000001"][:500]
    assert JPEGLSLossless.encode() in kept["DICOM/ST000001/SE000001/IM000001"][:500]
    assert JPEGLSLossless.encode() in kept["DICOMDIR"]


@pytest.mark.skipif(PROGRAM is None, reason="dicom3tools are not installed")
def test_the_index_is_what_the_standard_says(client, studies, tmp_path):
    import subprocess

    path = tmp_path / "DICOMDIR"
    path.write_bytes(dict(_members(_medium(client, studies)))["DICOMDIR"])

    done = subprocess.run([PROGRAM, str(path)], capture_output=True, text=True, check=False)

    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_media_are_for_those_who_may_take_images_out(
    client, studies, colleague, outsider, radiologist
):
    uid = str(studies[0].StudyInstanceUID)
    for person, status in ((colleague, 403), (outsider, 404)):
        other = Client()
        other.force_login(person)
        assert other.post(URL, {"studies": [uid]}, "application/json").status_code == status
        assert other.post("/media/", {"study": uid}).status_code == status
    assert client.post(URL, {}, "application/json").status_code == 400
    assert client.post(URL, {"studies": ["1.2.3"]}, "application/json").status_code == 404
    assert client.post(URL, {"studies": ["1"] * 201}, "application/json").status_code == 400
    assert not AuditEvent.objects.filter(act="export").exists()

    from archive.models import Study

    study = Study.objects.get(study_instance_uid=uid)
    collection = Collection.objects.create(owner=radiologist, name="Twins")
    CollectionItem.objects.create(collection=collection, study=study, position=1)
    answer = client.post("/media/", {"collection": collection.pk})
    assert answer["Content-Disposition"].startswith('attachment; filename="medium-')
    assert len([one for one, _ in _members(b"".join(answer.streaming_content)) if "IM" in one]) == 2
