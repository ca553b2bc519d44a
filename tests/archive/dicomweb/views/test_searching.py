from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from pydicom import Dataset

from archive.models import AuditEvent
from tests.builders.datasets import make_dataset
from tests.builders.multipart import parts_of
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


def test_answers_in_xml_are_one_part_each(web, project, study):
    store_datasets(make_dataset(PatientID="PAT-2"), project=project)

    response = web.get(
        "/dicom-web/studies?orderby=-PatientID",
        HTTP_ACCEPT='multipart/related; type="application/dicom+xml"',
    )

    assert response.status_code == 200
    assert response["Content-Type"].startswith('multipart/related; type="application/dicom+xml"')
    parts = parts_of(response)
    roots = [ElementTree.fromstring(content) for _, content in parts]  # noqa: S314 our own
    assert [kind for kind, _ in parts] == ["application/dicom+xml"] * 2
    values = [
        root.findtext(".//{*}DicomAttribute[@keyword='PatientID']/{*}Value") for root in roots
    ]
    assert values == ["PAT-2", "PAT-1"]


def test_any_stored_attribute_can_be_asked_for_at_its_level(web, project):
    ds = make_dataset(
        StudyInstanceUID="1.2.3",
        PatientComments="Müde",
        OperatorsName="Op^One",
        KVP="120",
        StudyComments="for the study",
    )
    block = ds.private_block(0x0009, "ACME 1", create=True)
    block.add_new(0x01, "LO", "private")
    store_datasets(ds, project=project)
    fields = "PatientComments,00324000,OperatorsName,KVP,00091001"

    (row,) = found(web.get(f"/dicom-web/studies?includefield={fields}"))
    assert row["00104000"]["Value"] == ["Müde"]
    assert row["00324000"]["Value"] == ["for the study"]
    assert not {"00081070", "00180060", "00091001"} & row.keys()
    assert list(row) == sorted(row)
    (row,) = found(web.get(f"/dicom-web/series?includefield={fields}"))
    assert row["00081070"]["Value"] == [{"Alphabetic": "Op^One"}]
    assert not {"00180060", "00091001"} & row.keys()
    (row,) = found(web.get(f"/dicom-web/instances?includefield={fields}"))
    assert row["00180060"]["Value"] == [120.0]
    assert row["00091001"]["Value"] == ["private"]


def test_an_attribute_inside_a_sequence_comes_with_its_sequence(web, project):
    other, request = Dataset(), Dataset()
    other.PatientID, other.TypeOfPatientID = "X-1", "TEXT"
    request.ScheduledProcedureStepID = "S1"
    ds = make_dataset(OtherPatientIDsSequence=[other], RequestAttributesSequence=[request])
    store_datasets(ds, project=project)
    fields = "00101002.00100020,RequestAttributesSequence.ScheduledProcedureStepID,Foo.Bar"

    (study,) = found(web.get(f"/dicom-web/studies?includefield={fields}"))
    (series,) = found(web.get(f"/dicom-web/series?includefield={fields}"))

    (item,) = study["00101002"]["Value"]
    assert item["00100020"]["Value"] == ["X-1"]
    assert "00400275" not in study
    assert series["00400275"]["Value"] == [{"00400009": {"vr": "SH", "Value": ["S1"]}}]


def test_a_private_attribute_is_found_in_whatever_block_its_creator_reserved(web, project):
    ds = make_dataset(StudyInstanceUID="1.2.3")
    ds.private_block(0x0009, "OTHER", create=True).add_new(0x01, "LO", "not this")
    ds.private_block(0x0009, "ACME 1", create=True).add_new(0x01, "LO", "this")
    store_datasets(ds, project=project)

    response = web.get("/dicom-web/instances?includefield=00091001&00090010=ACME%201")

    (row,) = found(response)
    assert row["00091101"]["Value"] == ["this"]
    assert row["00090011"]["Value"] == ["ACME 1"]
    assert "00091001" not in row
    assert "Warning" not in response


def test_all_attributes_but_the_pixels(web, study):
    (row,) = found(web.get("/dicom-web/instances?includefield=all"))

    assert {"00280100", "00281053", "00100010"} <= row.keys()
    assert "7FE00010" not in row
    (row,) = found(web.get("/dicom-web/studies?includefield=all"))
    assert "00081030" in row
    assert "00280010" not in row


def test_the_number_of_all_is_said(web, project, study):
    for number in range(3):
        store_datasets(make_dataset(PatientID=f"PAT-{number + 2}"), project=project)

    assert web.get("/dicom-web/studies")["X-Total-Count"] == "4"
    assert web.get("/dicom-web/studies?limit=1&offset=1")["X-Total-Count"] == "4"
    assert web.get("/dicom-web/studies?limit=1&totalcount=true")["X-Total-Count"] == "4"
    nothing = web.get("/dicom-web/studies?offset=9")
    assert (nothing.status_code, nothing["X-Total-Count"]) == (204, "4")


@pytest.mark.parametrize("query", ["orderby=Modality", "orderby=NoSuch", "orderby=" + "a," * 6])
def test_an_order_by_what_the_level_does_not_have_is_400(web, query):
    assert web.get(f"/dicom-web/studies?{query}").status_code == 400


def test_a_list_of_uids_without_end_is_413(web):
    uids = ",".join(["1.2"] * 5001)

    assert web.get(f"/dicom-web/studies?StudyInstanceUID={uids}").status_code == 413
