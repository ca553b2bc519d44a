"""Uploads over HTTP, as a client sends them."""

from __future__ import annotations

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import Instance, Quarantine, Study
from archive.storage.stores import blob_store
from tests.builders import bad_input
from tests.builders.datasets import as_part10, make_dataset

pytestmark = pytest.mark.django_db

URL = "/api/v1/uploads"


@pytest.fixture
def token(project):
    return create_api_token(
        asker=Asker(door="tests"),
        username="modality",
        scopes=["read", "write"],
        role="clinician",
        projects=[project],
    )


@pytest.fixture
def client(token):
    return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


def _upload(client: Client, *files: tuple[str, bytes], **fields: str):
    contents = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(URL, {**fields, "files": contents})


def _stray_files() -> list[object]:
    return list((blob_store().root / "spool").iterdir())


def test_upload_stores_each_file(client, project):
    first, second = make_dataset(), make_dataset()

    response = _upload(client, ("1.dcm", as_part10(first)), ("2.dcm", as_part10(second)))

    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["outcome"] for result in results] == ["stored", "stored"]
    assert [result["name"] for result in results] == ["1.dcm", "2.dcm"]
    assert results[0]["instance_uid"] == first.SOPInstanceUID
    assert results[0]["study_uid"] == first.StudyInstanceUID
    assert results[0]["series_uid"] == first.SeriesInstanceUID
    assert list(Study.objects.values_list("projects", flat=True)) == [project.pk, project.pk]
    assert _stray_files() == []


def test_stored_bytes_are_those_sent(client):
    content = bad_input.good_file()

    _upload(client, ("1.dcm", content))

    blob = Instance.objects.get().blob
    with blob_store().open(blob.sha256) as stored:
        assert stored.read() == content


def test_upload_again_is_a_duplicate(client):
    content = bad_input.good_file()
    _upload(client, ("1.dcm", content))

    response = _upload(client, ("1.dcm", content))

    assert response.status_code == 200
    assert response.json()["results"][0]["outcome"] == "duplicate"
    assert Instance.objects.count() == 1


def test_zip_members_are_stored_without_their_names_as_paths(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    response = _upload(client, ("cd.zip", bad_input.slipping_zip(bad_input.good_file())))

    assert response.status_code == 200
    assert Instance.objects.count() == 3
    names = [result["name"] for result in response.json()["results"]]
    assert names[0] == "cd.zip/../../canary.dcm"
    assert list(tmp_path.rglob("*")) == []
    assert _stray_files() == []


@pytest.mark.parametrize("bad", bad_input.bad_files(), ids=lambda bad: bad.name)
def test_bad_file_is_quarantined_with_its_reason(client, bad):
    response = _upload(client, (bad.name, bad.content))

    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    result = response.json()["results"][0]
    assert result["outcome"] == "quarantined"
    assert result["reason"]["code"] in bad.codes
    entry = Quarantine.objects.get()
    assert entry.reason_code in bad.codes
    assert entry.original_name == bad.name
    with blob_store().open(entry.blob.sha256) as kept:
        assert kept.read() == bad.content
    assert _stray_files() == []
    assert _upload(client, ("good.dcm", bad_input.good_file())).status_code == 200


def test_mixed_upload_answers_202(client):
    files = [(bad.name, bad.content) for bad in bad_input.bad_files()]

    response = _upload(client, ("good.dcm", bad_input.good_file()), *files)

    assert response.status_code == 202
    outcomes = [result["outcome"] for result in response.json()["results"]]
    assert outcomes == ["stored"] + ["quarantined"] * len(files)


def test_other_content_under_a_known_uid_is_a_conflict(client):
    ds = make_dataset()
    _upload(client, ("1.dcm", as_part10(ds)))
    ds.PatientComments = "changed"

    response = _upload(client, ("1.dcm", as_part10(ds)))

    assert response.status_code == 409
    assert response.json()["code"] == "sop-instance-conflict"
    assert Quarantine.objects.get().reason_code == "sop-instance-conflict"


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        (bad_input.zip_with_link(), "archive-link", 422),
        (bad_input.encrypted_zip(), "archive-encrypted", 422),
        (bad_input.truncated_zip(), "archive-damaged", 422),
        (bad_input.overlapping_zip(), "archive-damaged", 422),
        (bad_input.understating_zip(), "archive-damaged", 422),
        (bad_input.make_zip({}), "archive-empty", 422),
        (bad_input.make_zip({"in.zip": bad_input.make_zip({"1": b"x"})}), "not-dicom", 422),
    ],
    ids=["link", "encrypted", "truncated", "overlapping", "understating", "empty", "nested"],
)
def test_bad_zip_is_refused_with_its_reason(client, content, code, status):
    response = _upload(client, ("bad.zip", content))

    assert response.status_code == status
    assert response.json()["code"] == code
    assert Quarantine.objects.get().reason_code == code
    assert _stray_files() == []


def test_zip_bomb_is_stopped(client):
    response = _upload(client, ("bomb.zip", bad_input.bomb_zip()))

    assert response.status_code == 413
    assert response.json()["results"][-1]["reason"]["code"] == "archive-too-large"
    assert Instance.objects.count() == 0
    assert _stray_files() == []


def test_good_members_before_a_bad_one_stay(client):
    content = bad_input.make_zip({"1.dcm": bad_input.good_file(), "2.txt": b"read me"})

    response = _upload(client, ("cd.zip", content))

    assert response.status_code == 202
    outcomes = [result["outcome"] for result in response.json()["results"]]
    assert outcomes == ["stored", "quarantined"]


def test_empty_form_is_refused(client):
    response = client.post(URL, {})

    assert response.status_code == 400
    assert response.json()["code"] == "empty"


def test_empty_body_is_refused(client):
    response = client.post(URL, b"", content_type="multipart/form-data; boundary=x")

    assert response.status_code == 400


def test_empty_file_is_quarantined(client):
    response = _upload(client, ("empty.dcm", b""))

    assert response.status_code == 422
    assert response.json()["code"] == "empty"
    assert Quarantine.objects.get().size_bytes == 0


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"--x\r\nno colon\r\n\r\n", "multipart/form-data; boundary=x", 400),
        (b"--y\r\n\r\n", "multipart/form-data; boundary=x", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="1"\r\n\r\nabc',
            "multipart/form-data; boundary=x",
            400,
        ),
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=" + 300 * "x", 400),
        (b"x", "multipart/related; boundary=x", 415),
    ],
    ids=["header", "boundary", "cut", "json", "no-boundary", "long-boundary", "related"],
)
def test_malformed_body_is_a_client_error(client, body, content_type, status):
    response = client.post(URL, body, content_type=content_type)

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert _stray_files() == []


def test_compressed_body_is_refused(client):
    response = client.post(
        URL,
        b"x",
        content_type="multipart/form-data; boundary=x",
        headers={"Content-Encoding": "gzip"},
    )

    assert response.status_code == 415


def test_oversized_request_is_refused_unread(client, settings):
    settings.TWINSIGHT_MAX_UPLOAD_BYTES = 1000

    response = _upload(client, ("big.dcm", bytes(2000)))

    assert response.status_code == 413
    assert response.json()["code"] == "limit-exceeded"


def test_oversized_instance_is_refused_and_noted(client, settings):
    settings.TWINSIGHT_MAX_INSTANCE_BYTES = 700

    response = _upload(client, ("big.dcm", bad_input.good_file()))

    assert response.status_code == 413
    entry = Quarantine.objects.get()
    assert (entry.reason_code, entry.blob) == ("limit-exceeded", None)
    assert _stray_files() == []


def test_full_disk_is_said_as_507(client, settings):
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 2**60

    response = _upload(client, ("1.dcm", bad_input.good_file()))

    assert response.status_code == 507
    assert response["Retry-After"]
    assert _stray_files() == []


def test_upload_goes_to_the_named_project(archive_admin, other_project):
    client = Client()
    client.force_login(archive_admin)

    response = _upload(client, ("1.dcm", bad_input.good_file()), project=other_project.slug)

    assert response.status_code == 200
    assert Study.objects.get().projects.get() == other_project


def test_upload_into_a_project_of_others_is_not_found(client, other_project):
    response = _upload(client, ("1.dcm", bad_input.good_file()), project=other_project.slug)

    assert response.status_code == 404
    assert Instance.objects.count() == 0


def test_cut_upload_says_what_was_stored_before(client):
    content = bad_input.make_zip({"1.dcm": bad_input.good_file(), "2.txt": b"text"})
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="{}"\r\n\r\n'
    body = head.replace(b"{}", b"cd.zip") + content + b"\r\n" + head.replace(b"{}", b"cut.zip")

    response = client.post(URL, body, content_type="multipart/form-data; boundary=x")

    assert response.status_code == 400
    assert response.json()["code"] == "request-cut"
    outcomes = [result["outcome"] for result in response.json()["results"]]
    assert outcomes == ["stored", "quarantined"][: len(outcomes)]
    assert _stray_files() == []


def test_file_without_a_name_is_taken(client):
    head = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n'
    body = head + bad_input.good_file() + b"\r\n--x--\r\n"

    response = client.post(URL, body, content_type="multipart/form-data; boundary=x")

    assert response.status_code == 200
    assert response.json()["results"][0]["name"] == ""


def test_other_fields_are_passed_over(client):
    response = _upload(client, ("1.dcm", bad_input.good_file()), comment="hello")

    assert response.status_code == 200
    assert len(response.json()["results"]) == 1


def test_viewer_may_not_store(colleague):
    client = Client()
    client.force_login(colleague)

    response = _upload(client, ("1.dcm", bad_input.good_file()))

    assert response.status_code == 403
    assert Instance.objects.count() == 0


def test_anonymous_is_refused_before_the_body_is_read():
    response = _upload(Client(), ("1.dcm", bad_input.good_file()))

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_read_token_may_not_store(project):
    secret = create_api_token(
        asker=Asker(door="tests"),
        username="reader",
        scopes=["read"],
        role="clinician",
        projects=[project],
    )
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    assert _upload(client, ("1.dcm", bad_input.good_file())).status_code == 403


def test_session_needs_the_csrf_header(radiologist):
    client = Client(enforce_csrf_checks=True)
    client.force_login(radiologist)

    assert _upload(client, ("1.dcm", bad_input.good_file())).status_code == 403
    assert Instance.objects.count() == 0


def test_session_with_csrf_header_stores(radiologist):
    client = Client(enforce_csrf_checks=True)
    client.force_login(radiologist)
    client.cookies["csrftoken"] = "a" * 32
    upload = {"files": [SimpleUploadedFile("1.dcm", bad_input.good_file())]}

    response = client.post(URL, upload, headers={"X-CSRFToken": "a" * 32})

    assert response.status_code == 200


def test_token_needs_no_csrf(token):
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {token}"})

    assert _upload(client, ("1.dcm", bad_input.good_file())).status_code == 200


def test_quarantine_is_listed_for_radiology_admins(client, archive_admin, outsider):
    _upload(client, ("text.dcm", b"not DICOM"))
    admin, other = Client(), Client()
    admin.force_login(archive_admin)
    other.force_login(outsider)

    page = admin.get("/api/v1/quarantine").json()

    assert page["count"] == 1
    assert page["results"][0]["reason"]["code"] == "not-dicom"
    assert page["results"][0]["name"] == "text.dcm"
    assert other.get("/api/v1/quarantine").status_code == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "limit=100000"])
def test_paging_out_of_range_is_refused(archive_admin, query):
    client = Client()
    client.force_login(archive_admin)

    response = client.get(f"/api/v1/quarantine?{query}")

    assert response.status_code == 400
    assert response.json()["code"] == "invalid-request"


def test_openapi_document_names_the_paths(client):
    document = client.get("/api/v1/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert "/api/v1/uploads" in document["paths"]


def test_openapi_document_is_sound_and_names_the_credentials(client):
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())

    document = client.get("/api/v1/openapi.json").json()

    operation = document["paths"]["/api/v1/studies"]["get"]
    assert operation["security"] == [{"bearer": []}, {"session": []}]


def test_docs_page_loads_nothing_from_elsewhere(client):
    page = client.get("/api/v1/docs").content.decode()

    assert "swagger-ui" in page
    assert "https://" not in page


def test_studies_are_listed_inside_the_rights(client, radiologist, outsider):
    ds = make_dataset(StudyDescription="Thorax")
    _upload(client, ("1.dcm", as_part10(ds)))
    mine, other = Client(), Client()
    mine.force_login(radiologist)
    other.force_login(outsider)

    page = mine.get("/api/v1/studies?modality=CT&patient=doe&sort=received").json()

    assert (page["count"], page["pages"]) == (1, 1)
    study = page["results"][0]
    assert study["study_uid"] == ds.StudyInstanceUID
    assert study["patient"]["id"] == "TEST-1"
    assert study["instance_count"] == 1
    assert other.get("/api/v1/studies").json()["count"] == 0


@pytest.mark.parametrize("query", ["page=0", "date_from=yesterday", "sort=size", "page_size=9999"])
def test_study_list_refuses_what_it_does_not_understand(client, query):
    assert client.get(f"/api/v1/studies?{query}").status_code == 400


def test_study_shows_its_series(client):
    ds = make_dataset()
    _upload(client, ("1.dcm", as_part10(ds)))

    study = client.get(f"/api/v1/studies/{ds.StudyInstanceUID}").json()

    assert study["projects"] == ["Chest clinic"]
    assert study["series"][0]["series_uid"] == ds.SeriesInstanceUID
    assert study["series"][0]["instance_count"] == 1


def test_study_of_others_is_like_none(client, outsider):
    ds = make_dataset()
    _upload(client, ("1.dcm", as_part10(ds)))
    other = Client()
    other.force_login(outsider)

    hidden = other.get(f"/api/v1/studies/{ds.StudyInstanceUID}")
    absent = other.get("/api/v1/studies/1.2.3")

    assert hidden.status_code == absent.status_code == 404
    assert hidden.content == absent.content
