from __future__ import annotations

import json

import pytest
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import Instance, Quarantine, Study
from archive.storage.stores import blob_store
from tests.builders.bad_input import bad_files
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import BOUNDARY, DICOM_MULTIPART, related

pytestmark = pytest.mark.django_db

URL = "/dicom-web/studies"


def post(client, body, content_type=DICOM_MULTIPART, url=URL, **headers):
    # Django's client leaves the type of an empty body out.
    headers = {"CONTENT_TYPE": content_type, **headers}
    return client.post(url, data=body, content_type=content_type, **headers)


def no_stray_file():
    return list((blob_store().root / "spool").iterdir()) == []


def test_all_stored_is_200_with_references(web, project):
    datasets = [make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=n) for n in (1, 2)]

    response = post(web, related([as_part10(ds) for ds in datasets]))

    assert response.status_code == 200
    assert response["Content-Type"] == "application/dicom+json"
    answer = json.loads(response.content)
    assert answer["00081190"]["Value"] == ["http://testserver/dicom-web/studies/1.2.3"]
    uids = [item["00081155"]["Value"][0] for item in answer["00081199"]["Value"]]
    assert uids == [ds.SOPInstanceUID for ds in datasets]
    assert "00081198" not in answer
    assert list(Study.objects.get().projects.all()) == [project]
    assert no_stray_file()


def test_the_same_again_is_200_and_changes_nothing(web):
    body = related([as_part10(make_dataset())])

    first, second = post(web, body), post(web, body)

    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert Instance.objects.count() == 1


def test_other_content_under_a_known_uid_is_409(web):
    ds = make_dataset()
    post(web, related([as_part10(ds)]))
    ds.StudyDescription = "Another"

    response = post(web, related([as_part10(ds)]))

    assert response.status_code == 409
    (failure,) = json.loads(response.content)["00081198"]["Value"]
    assert failure["00081197"]["Value"] == [0x0111]
    assert failure["00081155"]["Value"] == [ds.SOPInstanceUID]
    assert Quarantine.objects.get().reason_code == "sop-instance-conflict"


def test_a_single_instance_needs_no_multipart(web):
    response = post(web, as_part10(make_dataset()), content_type="application/dicom")

    assert response.status_code == 200
    assert Instance.objects.count() == 1


def test_some_stored_is_202_and_bad_ones_never_hold_up_the_others(web):
    good = [as_part10(make_dataset()) for _ in range(2)]

    response = post(web, related([good[0], b"not DICOM", good[1]]))

    assert response.status_code == 202
    answer = json.loads(response.content)
    assert len(answer["00081199"]["Value"]) == 2
    assert answer["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    assert Quarantine.objects.get().door == "dicomweb"


@pytest.mark.parametrize("bad", bad_files(), ids=lambda bad: bad.name)
def test_bad_files_are_409_and_go_to_quarantine(web, bad):
    response = post(web, related([bad.content]))

    assert response.status_code == 409
    answer = json.loads(response.content)
    (failure,) = answer.get("0008119A", answer.get("00081198"))["Value"]
    assert failure["00081197"]["Value"] == [0xC000]
    assert Quarantine.objects.get().reason_code in bad.codes
    assert Instance.objects.count() == 0
    assert no_stray_file()
    assert web.get(URL).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        f"--{BOUNDARY}--\r\n".encode(),
        b"neither multipart nor DICOM",
        related([b"x" * 5000])[:-100],
        related([as_part10(make_dataset())])[:-10],
    ],
    ids=["empty", "no-parts", "no-multipart", "cut-in-a-part", "cut-at-the-end"],
)
def test_malformed_requests_are_400_with_an_entry_and_nothing_stored(web, body):
    response = post(web, body)

    assert response.status_code == 400
    entry = Quarantine.objects.get()
    assert (entry.door, entry.size_bytes, entry.blob) == ("dicomweb", len(body), None)
    assert Instance.objects.count() == 0
    assert no_stray_file()


@pytest.mark.parametrize("content_type", ["application/dicom", "", "text/plain"])
def test_an_empty_request_of_any_kind_is_400(web, content_type):
    response = post(web, b"", content_type=content_type)

    assert response.status_code == 400
    assert Quarantine.objects.get().reason_code == "empty"


def test_an_oversized_request_is_413_before_it_is_read(web, settings):
    settings.TWINSIGHT_MAX_UPLOAD_BYTES = 1000

    response = post(web, related([as_part10(make_dataset())]))

    assert response.status_code == 413
    assert Quarantine.objects.get().reason_code == "limit-exceeded"
    assert no_stray_file()


def test_an_oversized_instance_is_refused_and_its_siblings_stored(web, settings):
    small = as_part10(make_dataset())
    settings.TWINSIGHT_MAX_INSTANCE_BYTES = len(small) + 100
    large = as_part10(make_dataset(NumberOfFrames=50))

    response = post(web, related([large, small]))
    alone = post(web, related([large]))

    assert (response.status_code, alone.status_code) == (202, 413)
    answer = json.loads(response.content)
    assert answer["0008119A"]["Value"][0]["00081197"]["Value"] == [0xA700]
    assert Instance.objects.count() == 1
    assert no_stray_file()


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/json", {}),
        ("text/plain", {}),
        ("", {}),
        (";;", {}),
        (f'multipart/related; type="image/png"; boundary={BOUNDARY}', {}),
        (f"multipart/form-data; boundary={BOUNDARY}", {}),
        (DICOM_MULTIPART, {"HTTP_CONTENT_ENCODING": "gzip"}),
    ],
)
def test_other_kinds_of_bodies_are_415(web, content_type, headers):
    response = post(web, related([b"x"]), content_type=content_type, **headers)

    assert response.status_code == 415
    assert Quarantine.objects.count() == 0


def test_parts_of_another_kind_are_415(web):
    assert post(web, related([b"{}"], part_type="application/dicom+json")).status_code == 415


@pytest.mark.parametrize("boundary", ["", "; boundary=" + "b" * 100])
def test_a_multipart_without_a_usable_boundary_is_400(web, boundary):
    content_type = f'multipart/related; type="application/dicom"{boundary}'

    assert post(web, related([b"x"]), content_type=content_type).status_code == 400


def test_instances_of_another_study_than_the_paths_are_refused(web):
    right = make_dataset(StudyInstanceUID="1.2.3")
    wrong = make_dataset(StudyInstanceUID="1.2.4")

    response = post(web, related([as_part10(wrong), as_part10(right)]), url=f"{URL}/1.2.3")

    assert response.status_code == 202
    (failure,) = json.loads(response.content)["00081198"]["Value"]
    assert failure["00081155"]["Value"] == [wrong.SOPInstanceUID]
    assert failure["00081197"]["Value"] == [0xA901]
    assert Instance.objects.get().sop_instance_uid == right.SOPInstanceUID
    assert Quarantine.objects.get().reason_code == "study-mismatch"
    assert post(web, related([as_part10(wrong)]), url=f"{URL}/1.2.3").status_code == 409
    assert post(web, related([b"junk"]), url=f"{URL}/1.2.3").status_code == 409
    assert post(web, related([b"junk"]), url=f"{URL}/one").status_code == 400


def test_a_body_of_unknown_length_is_read_where_the_server_ends_it(radiologist, project):
    from io import BytesIO

    client = Client()
    client.force_login(radiologist)
    body = related([as_part10(make_dataset())])
    chunked = {
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": DICOM_MULTIPART,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": BytesIO(body),
    }

    refused = client.generic("POST", URL, b"", DICOM_MULTIPART, **chunked)
    chunked["wsgi.input"] = BytesIO(body)
    chunked["wsgi.input_terminated"] = True
    stored = client.generic("POST", URL, b"", DICOM_MULTIPART, **chunked)

    assert refused.status_code == 411
    assert stored.status_code == 200


def test_who_may_not_store_gets_403(browser, colleague, client):
    body = related([as_part10(make_dataset())])

    assert post(browser(colleague), body).status_code == 403
    assert post(client, body).status_code == 401
    assert Instance.objects.count() == 0


def test_an_outsider_adds_nothing_to_a_known_study(web, browser, outsider):
    post(web, related([as_part10(make_dataset(StudyInstanceUID="1.2.3"))]))

    response = post(browser(outsider), related([as_part10(make_dataset(StudyInstanceUID="1.2.3"))]))

    assert response.status_code in {403, 409}
    assert Instance.objects.count() == 1


def test_a_token_needs_the_scope_to_write(project):
    def status(scope):
        secret = create_api_token(
            asker=Asker(door="test"),
            username=scope,
            scopes=[scope],
            role="clinician",
            projects=[project],
        )
        return post(
            Client(), related([as_part10(make_dataset())]), HTTP_AUTHORIZATION=f"Bearer {secret}"
        ).status_code

    assert status("read") == 403
    assert status("write") == 200


def test_another_sites_page_can_not_store(radiologist):
    client = Client(enforce_csrf_checks=True)
    client.force_login(radiologist)
    body = related([as_part10(make_dataset())])

    assert post(client, body, HTTP_SEC_FETCH_SITE="cross-site").status_code == 403
    assert post(client, body, HTTP_SEC_FETCH_SITE="same-origin").status_code == 200


def test_a_full_disk_is_503_and_nothing_is_stored(web, settings):
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 1 << 60

    response = post(web, related([as_part10(make_dataset())]))

    assert response.status_code == 503
    assert response["Retry-After"]
    assert Instance.objects.count() == 0


def test_what_can_not_be_answered_is_not_stored(web):
    response = post(web, related([as_part10(make_dataset())]), HTTP_ACCEPT="text/html")

    assert response.status_code == 406
    assert Instance.objects.count() == 0
