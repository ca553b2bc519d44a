from __future__ import annotations

import pytest

from archive.models import AuditEvent, Patient, Series, Study
from tests.archive.fhir.conftest import ANN, BEN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("studies")]


def test_a_study_says_what_is_in_it(door) -> None:
    study = door.ask(f"ImagingStudy/{ANN}")

    assert study["identifier"][0] == {
        "use": "official",
        "system": "urn:dicom:uid",
        "value": f"urn:oid:{ANN}",
    }
    assert study["identifier"][1]["value"] == "ACC-1"
    assert study["started"] == "2024-02-29T10:15:30+01:00"
    assert (study["status"], study["numberOfSeries"], study["numberOfInstances"]) == (
        "available",
        2,
        3,
    )
    assert study["referrer"]["display"] == "Referrer, Rita"
    first = study["series"][0]
    assert (first["uid"], first["bodySite"]["code"]) == (f"{ANN}.1", "CHEST")
    assert [one["uid"] for one in first["instance"]] == [f"{ANN}.1.1", f"{ANN}.1.2"]
    assert first["instance"][0]["sopClass"]["code"] == "urn:oid:1.2.840.10008.5.1.4.1.1.2"
    patient = door.ask(study["subject"]["reference"])
    assert patient["identifier"][0]["value"] == "A-1"
    assert door.ask("Endpoint/dicom-wado-rs")["address"] == "http://testserver/dicom-web"
    assert door.ask(f"ImagingStudy/{BEN}")["started"] == "2024-03-01"


FOUND_BY = [
    ("", [BEN, ANN]),
    (f"_id={ANN}", [ANN]),
    (f"identifier=urn:dicom:uid|urn:oid:{ANN}", [ANN]),
    (f"identifier={ANN},ACC-2", [BEN, ANN]),
    ("identifier=|ACC-2", [BEN]),
    ("identifier=http://elsewhere|ACC-2", []),
    ("identifier:not=ACC-2", [ANN]),
    ("basedon:identifier=ACC-1", [ANN]),
    ("patient.identifier=A-1", [ANN]),
    ("subject:Patient.identifier=urn:twinsight:issuer:Hospital%2520A|A-1", [ANN]),
    ("patient.identifier=urn:twinsight:issuer:Elsewhere|A-1", []),
    ("patient:identifier=B-1", [BEN]),
    ("patient.name=mull", [ANN]),
    ("patient.birthdate=lt1960", [BEN]),
    ("modality=MR", [BEN]),
    ("modality=http://dicom.nema.org/resources/ontology/DCM|CT,XX", [ANN]),
    ("modality:not=MR", [ANN]),
    ("status=available", [BEN, ANN]),
    ("status=entered-in-error", []),
    ("bodysite=CHEST", [ANN]),
    (f"series={ANN}.2", [ANN]),
    (f"instance=urn:oid:{BEN}.1.1", [BEN]),
    ("dicom-class=urn:oid:1.2.840.10008.5.1.4.1.1.4", [BEN]),
    ("endpoint=Endpoint/dicom-wado-rs", [BEN, ANN]),
    ("_lastUpdated=gt2020-01-01", [BEN, ANN]),
    ("_lastUpdated=lt2020-01-01T00:00:00Z", []),
    ("bodysite:text=che", [ANN]),
    ("series:missing=true", []),
    ("dicom-class:missing=false&patient:missing=false", [BEN, ANN]),
    ("endpoint:missing=true", []),
    ("_id:not=1.2.3&status:missing=false", [BEN, ANN]),
    ("patient._has:ImagingStudy:patient:modality=MR", [BEN]),
    ("_has:DiagnosticReport:study:status=preliminary", []),
    ("started=ap2024-02-29T10:15:20", [BEN, ANN]),
    ("started=ap2015", []),
    ("_lastUpdated=ap2015", []),
    ("_sort=started,-_lastUpdated", [ANN, BEN]),
    ("_sort=started", [ANN, BEN]),
    ("_sort=-started", [BEN, ANN]),
    ("modality=CT&modality=MR", []),
    ("modality=XX", []),
    ("modality:missing=false", [BEN, ANN]),
    ("bodysite:missing=true", [BEN]),
    ("basedon:missing=true", []),
    ("identifier:missing=true", []),
    ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|ACSN|ACC-2", [BEN]),
    ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|ACC-2", []),
    ("_lastUpdated=gt2020-01-01T00:00:07.5Z&_sort=_lastUpdated", [ANN, BEN]),
    ("_lastUpdated=ne2020-01-01", [BEN, ANN]),
]


def test_studies_are_found_by(door) -> None:
    for query, found in FOUND_BY:
        assert door.ids(f"ImagingStudy?{query}") == found, query


STARTED = [
    # Ann's began 2024-02-29 10:15:30, Ben's some time on 2024-03-01.
    ("2024", [BEN, ANN]),
    ("2024-02", [ANN]),
    ("2024-02-29", [ANN]),
    ("2024-02-29T10:15:30", [ANN]),
    ("2024-02-29T10:15", [ANN]),
    ("2024-02-29T10:16", []),
    ("ne2024-02-29", [BEN]),
    ("gt2024-02-29", [BEN]),
    ("ge2024-02-29", [BEN, ANN]),
    ("ge2024-02-29T10:15:30", [BEN, ANN]),
    ("gt2024-02-29T10:15:30", [BEN]),
    ("gt2024-03-01T12:00", [BEN]),
    ("sa2024-03-01T12:00", []),
    ("eq2024-03-01T12:00", []),
    ("lt2024-03-01", [ANN]),
    ("lt2024-02-29T10:15:30", []),
    ("le2024-02-29T10:15:30", [ANN]),
    ("eb2024-03-01T12:00", [ANN]),
    ("lt2024-03-01T12:00", [BEN, ANN]),
    ("eb2024-02-29", []),
    ("le2024", [BEN, ANN]),
    ("sa2024", []),
    ("2024-02-29T11:15:30%2B01:00", [ANN]),
]


def test_started_is_compared_as_far_as_both_are_told(door) -> None:
    for value, found in STARTED:
        assert door.ids(f"ImagingStudy?started={value}") == found, value
    assert door.ids("ImagingStudy?started=ge2024-02-29&started=lt2024-03-01") == [ANN]
    assert door.ids("ImagingStudy?started:missing=true") == []
    assert len(door.ids("ImagingStudy?started:missing=false")) == 2


def test_what_is_withheld_is_in_no_default_answer(door) -> None:
    Series.objects.filter(series_instance_uid=f"{ANN}.2").update(withheld="trial")
    Study.objects.filter(study_instance_uid=BEN).update(withheld="rejected")

    assert door.ids("ImagingStudy") == [ANN]
    assert door.ids(f"ImagingStudy?series={ANN}.2") == []
    assert len(door.ask(f"ImagingStudy/{ANN}")["series"]) == 1
    assert door.ask(f"ImagingStudy/{BEN}")["status"] == "entered-in-error"
    assert door.ids("ImagingStudy?status=entered-in-error") == [BEN]
    Study.objects.filter(study_instance_uid=BEN).update(withheld="deleted")
    assert door.refusal(f"ImagingStudy/{BEN}", 410) == "deleted"
    assert door.refusal("ImagingStudy/1.2.3.4", 404) == "not-found"


def test_reads_and_searches_are_on_record_before_the_answer(door) -> None:
    door.ask(f"ImagingStudy/{ANN}", headers={"X-Request-Id": "abc-1"})
    door.ask("ImagingStudy?patient.name=doe")

    read, search = AuditEvent.objects.filter(door="fhir").order_by("pk")
    assert (read.event_id, read.study_instance_uid, read.door) == ("110103", ANN, "fhir")
    assert read.details["request"] == "abc-1"
    assert search.details["keys"] == ["patient.name"]
    assert search.details["patients"] == [Patient.objects.get(dicom_patient_id="B-1").pk]
    assert "doe" not in str(search.details)


def test_the_number_of_statements_does_not_grow_with_the_answer(
    door, project, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(14):
        assert len(door.ids("ImagingStudy?_include=ImagingStudy:patient")) == 2


def test_a_study_too_large_to_be_listed_says_so(door, monkeypatch) -> None:
    for room in ("archive.query.criteria.studies", "archive.fhir.studies"):
        monkeypatch.setattr(f"{room}.MAX_INSTANCES", 2)

    large, small = door.ask(f"ImagingStudy/{ANN}"), door.ask(f"ImagingStudy/{BEN}")

    assert large["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert [one["numberOfInstances"] for one in large["series"]] == [2, 1]
    assert not any("instance" in one for one in large["series"])
    assert "tag" not in small["meta"]
    assert small["series"][0]["instance"]
