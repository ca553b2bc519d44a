from __future__ import annotations

import gzip
import json
from xml.etree import ElementTree

import pytest

from archive.models import AuditEvent, InstanceMetadata
from tests.builders.datasets import make_dataset
from tests.builders.multipart import content_of, parts_of
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def datasets(project):
    first = make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1")
    second = make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1", InstanceNumber=2)
    store_datasets(second, first, project=project)
    return first, second


@pytest.mark.parametrize("path", ["", "/series/1.2.3.1"])
def test_metadata_of_many_comes_in_order(web, datasets, path):
    response = web.get(f"/dicom-web/studies/1.2.3{path}/metadata")

    assert response["Content-Type"] == "application/dicom+json"
    rows = json.loads(content_of(response))
    assert [row["00200013"]["Value"] for row in rows] == [[1], [2]]
    assert rows[0]["00080018"]["Value"] == [datasets[0].SOPInstanceUID]


def test_pixel_data_is_a_link_that_leads_to_the_bytes(web, datasets):
    uid = datasets[0].SOPInstanceUID
    path = f"/dicom-web/studies/1.2.3/series/1.2.3.1/instances/{uid}"

    (row,) = json.loads(content_of(web.get(f"{path}/metadata")))

    assert row["7FE00010"] == {
        "vr": "OW",
        "BulkDataURI": f"http://testserver{path}/bulkdata/7FE00010",
    }
    response = web.get(row["7FE00010"]["BulkDataURI"], HTTP_ACCEPT="application/octet-stream")
    assert content_of(response) == datasets[0].PixelData


def test_a_second_look_needs_no_file_and_may_be_304(web, datasets, django_assert_max_num_queries):
    first = web.get("/dicom-web/studies/1.2.3/metadata")
    assert InstanceMetadata.objects.count() == 2

    with django_assert_max_num_queries(8):
        second = web.get("/dicom-web/studies/1.2.3/metadata")
    unchanged = web.get("/dicom-web/studies/1.2.3/metadata", HTTP_IF_NONE_MATCH=first["ETag"])

    assert content_of(second) == content_of(first)
    assert unchanged.status_code == 304


def test_absent_and_forbidden_look_the_same(web, browser, outsider, datasets):
    stranger = browser(outsider)

    forbidden = stranger.get("/dicom-web/studies/1.2.3/metadata")
    absent = web.get("/dicom-web/studies/1.9/metadata")

    assert forbidden.status_code == absent.status_code == 404
    assert forbidden.content == absent.content
    assert web.get("/dicom-web/studies/%00/metadata").status_code == 404


def test_xml_comes_in_parts_one_an_instance(web, datasets):
    accept = 'multipart/related; type="application/dicom+xml"'

    response = web.get("/dicom-web/studies/1.2.3/metadata", HTTP_ACCEPT=accept)

    documents = [ElementTree.fromstring(part) for _, part in parts_of(response)]  # noqa: S314 ours
    uids = [one.find(".//*[@keyword='SOPInstanceUID']/{*}Value").text for one in documents]
    assert uids == [ds.SOPInstanceUID for ds in datasets]
    link = documents[0].find(".//*[@keyword='PixelData']/{*}BulkData").get("uri")
    assert content_of(web.get(link, HTTP_ACCEPT="application/octet-stream")) == (
        datasets[0].PixelData
    )


@pytest.mark.parametrize("accept", ["application/dicom+xml", "text/html", "application/dicom"])
def test_what_is_not_to_be_had_is_406(web, datasets, accept):
    response = web.get("/dicom-web/studies/1.2.3/metadata", HTTP_ACCEPT=accept)

    assert response.status_code == 406


@pytest.mark.parametrize(
    ("encodings", "is_compressed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("xgzip", False),
        ("", False),
    ],
)
def test_metadata_travels_compressed_where_that_is_taken(web, datasets, encodings, is_compressed):
    plain = content_of(web.get("/dicom-web/studies/1.2.3/metadata"))

    response = web.get("/dicom-web/studies/1.2.3/metadata", HTTP_ACCEPT_ENCODING=encodings)

    assert (response.get("Content-Encoding") == "gzip") is is_compressed
    content = content_of(response)
    assert (gzip.decompress(content) if is_compressed else content) == plain
    assert "Accept-Encoding" in response["Vary"]
    assert int(response.get("Content-Length", len(content))) == len(content)


def test_looking_is_audited_once_for_a_while(web, datasets, radiologist):
    for _ in range(3):
        web.get("/dicom-web/studies/1.2.3/series/1.2.3.1/metadata")

    event = AuditEvent.objects.get(act="metadata")
    assert (event.actor, event.study_instance_uid) == (radiologist, "1.2.3")


def test_addresses_follow_the_host_that_was_asked(web, datasets, settings):
    settings.ALLOWED_HOSTS = ["pacs.example"]

    def uri(**headers):
        response = web.get("/dicom-web/studies/1.2.3/metadata", **headers)
        return json.loads(content_of(response))[0]["7FE00010"]["BulkDataURI"]

    assert uri(HTTP_HOST="pacs.example:8042").startswith("http://pacs.example:8042/dicom-web/")
    # dicomweb-client leaves the port out.
    direct = uri(HTTP_HOST="pacs.example", SERVER_PORT="8000")
    assert direct.startswith("http://pacs.example:8000/dicom-web/")
    proxied = uri(HTTP_HOST="pacs.example", SERVER_PORT="8000", HTTP_X_FORWARDED_FOR="10.0.0.1")
    assert proxied.startswith("http://pacs.example/dicom-web/")
