from __future__ import annotations

import json

import pytest

from archive.models import AuditEvent
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(project):
    ds = make_dataset(StudyInstanceUID="1.2.3", PatientID="PAT-1", PatientName="Doe^Jane")
    store_datasets(ds, project=project)
    return ds


def found(response):
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/dicom+json"
    return json.loads(response.content)


def test_the_calls_of_ohif_are_answered(web, study):
    worklist = (
        "/dicom-web/studies?limit=101&offset=0&fuzzymatching=true"
        "&includefield=00081030,00080060,00080090,00100030"
    )

    (row,) = found(web.get(worklist + "&PatientName=*doe*&ModalitiesInStudy=CT"))
    assert row["00081030"]["Value"] == ["Thorax"]
    assert row["00081190"]["Value"] == ["http://testserver/dicom-web/studies/1.2.3"]
    (row,) = found(web.get("/dicom-web/studies?StudyInstanceUID=1.2.3%5C1.9"))
    assert row["0020000D"]["Value"] == ["1.2.3"]
    assert len(found(web.get("/dicom-web/studies?00100020=PAT-1"))) == 1
    (row,) = found(
        web.get("/dicom-web/studies/1.2.3/series?includefield=00080021,00080031,0008103E,00200011")
    )
    assert row["00080060"]["Value"] == ["CT"]


def test_series_and_instances_are_searched_everywhere_and_below(web, study):
    series = f"/dicom-web/studies/1.2.3/series/{study.SeriesInstanceUID}"

    for path in ("/dicom-web/series?Modality=CT", "/dicom-web/studies/1.2.3/series"):
        assert found(web.get(path))[0]["0020000E"]["Value"] == [study.SeriesInstanceUID]
    for path in (
        f"/dicom-web/instances?SOPInstanceUID={study.SOPInstanceUID}",
        "/dicom-web/studies/1.2.3/instances",
        f"{series}/instances",
    ):
        (row,) = found(web.get(path))
        assert row["00080018"]["Value"] == [study.SOPInstanceUID]
        assert row["00081190"]["Value"] == [
            f"http://testserver{series}/instances/{study.SOPInstanceUID}"
        ]


def test_no_match_is_204(web, study):
    response = web.get("/dicom-web/studies?PatientID=nobody")

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize(
    "query", ["includefield=NoSuch", "includefield=99999999", "includefield=all", "includefield="]
)
def test_any_includefield_is_taken(web, study, query):
    assert len(found(web.get(f"/dicom-web/studies?{query}"))) == 1


def test_what_is_left_and_what_was_not_matched_is_said_in_a_warning(web, project, study):
    store_datasets(make_dataset(PatientID="PAT-2"), project=project)

    response = web.get("/dicom-web/studies?limit=1&Modality=CT")

    assert len(found(response)) == 1
    assert response["Warning"] == (
        "299 http://testserver/dicom-web: There are 1 additional results that can be requested,"
        " 299 http://testserver/dicom-web:"
        " These keys are not supported and were not matched: Modality"
    )


@pytest.mark.parametrize(
    "query",
    ["StudyDate=soon", "limit=-1", "PatientID=%00", "StudyInstanceUID=x", "fuzzymatching=perhaps"],
)
def test_malformed_queries_are_400(web, query):
    response = web.get(f"/dicom-web/studies?{query}")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query",
    [
        "PatientName=%25' OR 1=1 --",
        "_connector=OR&PatientID=x",
        "PatientID=a%5C%25",
        "patient__patient_name=Doe",
        "PatientName=%E2%80%AE",
    ],
)
def test_injections_match_nothing_more(web, study, query):
    response = web.get(f"/dicom-web/studies?{query}")

    assert response.status_code in {200, 204}
    if "Patient" in query.replace("patient__patient_name", ""):
        assert response.status_code == 204


def test_only_json_is_to_be_had(web, study):
    assert web.get("/dicom-web/studies", HTTP_ACCEPT="text/html").status_code == 406
    assert web.get("/dicom-web/studies", HTTP_ACCEPT="application/json").status_code == 200


def test_an_outsider_finds_nothing(browser, outsider, study):
    client = browser(outsider)

    for path in ("studies", "series", "instances", "studies/1.2.3/series"):
        assert client.get(f"/dicom-web/{path}").status_code == 204


def test_a_search_is_audited_without_values(web, study, radiologist):
    web.get("/dicom-web/studies?PatientName=Doe*")

    event = AuditEvent.objects.get(act="search-study")
    assert event.actor == radiologist
    assert event.door == "dicomweb"
    assert event.details == {"keys": ["PatientName"], "results": 1}


def test_options_and_other_methods(web):
    assert "GET" in web.options("/dicom-web/series")["Allow"]
    assert web.delete("/dicom-web/series").status_code == 405
