from __future__ import annotations

import pytest

from archive.models import AuditEvent, Correction, Patient, PatientAlias, Study
from tests.archive.fhir.conftest import BEN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("studies")]


def test_a_patient_is_who_they_are_in_every_script(door) -> None:
    ann = Patient.objects.get(dicom_patient_id="A-1")

    found = door.ask(f"Patient/{ann.pk}")

    (identifier,) = found["identifier"]
    assert identifier["system"] == "urn:twinsight:issuer:Hospital%20A"
    assert (identifier["value"], identifier["assigner"]["display"]) == ("A-1", "Hospital A")
    read, written = found["name"]
    assert (read["family"], read["given"], read["prefix"]) == ("Müller", ["Ann", "Maria"], ["Dr."])
    assert read["text"] == "Müller, Ann Maria Dr."
    assert (written["family"], written["extension"][0]["valueCode"]) == ("山田", "IDE")
    assert (found["gender"], found["birthDate"], found["active"]) == ("female", "1970-01-31", True)
    (record,) = AuditEvent.objects.filter(door="fhir")
    assert (record.event_id, record.details) == ("110110", {"patients": [ann.pk]})


def test_patients_are_found(door) -> None:
    ann, ben = (str(one.pk) for one in Patient.objects.order_by("dicom_patient_id"))
    table = {
        "": [ben, ann],
        f"_id={ann}": [ann],
        "_id=0,x,99999999999999999999": [],
        "identifier=A-1": [ann],
        "identifier=urn:twinsight:issuer:Hospital%2520A|": [ann],
        "identifier=|A-1": [],
        "identifier=|B-1": [ben],
        "identifier:not=A-1": [ben],
        "name=mull": [ann],
        "name=maria": [ann],
        "name=山": [ann],
        "family=muller": [ann],
        "family=ann": [],
        "given=ann": [ann],
        "given=mull": [],
        "name:contains=OE": [ben],
        "family:exact=Doe": [ben],
        "family:exact=doe": [],
        "name=xyz,doe": [ben],
        "birthdate=1955-12-24": [ben],
        "birthdate=ge1970": [ann],
        "birthdate=ne1970-01-31": [ben],
        "birthdate:missing=true": [],
        "birthdate=ap1955-12-20": [ben],
        "birthdate=ap1970": [ann],
        "birthdate=ap2020": [],
        "given:missing=false&_id:missing=false&_id:not=0": [ben, ann],
        "_has:ImagingStudy:patient:modality=MR": [ben],
        "_has:ImagingStudy:subject:started=lt2024-03&_has:ImagingStudy:patient:bodysite=CHEST": [
            ann
        ],
        "_has:ImagingStudy:patient:modality:not=MR": [ann],
        "_has:ImagingStudy:patient:patient.name=mull": [ann],
        "_has:ImagingStudy:patient:_has:Observation:derived-from:code=x": [],
        "gender=male": [ben],
        "gender:not=male": [ann],
        "gender=male,female": [ben, ann],
        "gender=unknown": [],
        "_lastUpdated=ge2020": [ben, ann],
        "identifier:missing=true": [],
        "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|A-1": [ann],
        "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|A-1": [],
        "_sort=family": [ben, ann],
        "_sort=-birthdate": [ann, ben],
        "_sort=-birthdate,family": [ann, ben],
    }
    for query, wanted in table.items():
        assert door.ids(f"Patient?{query}") == wanted, query


def test_a_patient_brings_along_what_is_about_them_and_narrows_to_it(door) -> None:
    ben = Patient.objects.get(dicom_patient_id="B-1").pk

    bundle = door.ask(f"Patient?_id={ben}&_revinclude=ImagingStudy:subject")
    assert [one["search"]["mode"] for one in bundle["entry"]] == ["match", "include"]
    assert bundle["entry"][1]["resource"]["id"] == BEN
    assert bundle["total"] == 1
    assert door.ids(f"Patient/{ben}/ImagingStudy") == [BEN]
    assert door.ids(f"Patient/{ben}/ImagingStudy?modality=CT") == []
    assert door.refusal("Patient/999999999/ImagingStudy", 404) == "not-found"
    assert door.refusal(f"Patient/{ben}/Endpoint", 404) == "not-found"


def test_a_merged_patient_says_who_is_left(door) -> None:
    ann, ben = Patient.objects.order_by("dicom_patient_id")
    Study.objects.filter(patient=ben).update(patient=ann)
    Patient.objects.filter(pk=ben.pk).update(merged_into=ann)
    merge = Correction.objects.create(kind="patient-merge", patient=ann, reason="the same")
    PatientAlias.objects.create(dicom_patient_id="B-1", patient=ann, correction=merge)

    former = door.ask(f"Patient/{ben.pk}")
    assert former["active"] is False
    assert former["link"] == [{"other": {"reference": f"Patient/{ann.pk}"}, "type": "replaced-by"}]
    left = door.ask(f"Patient/{ann.pk}")
    assert left["link"][0]["other"]["reference"] == f"Patient/{ben.pk}"
    assert [one["use"] for one in left["identifier"]] == ["usual", "old"]
    assert left["meta"]["lastUpdated"] > former["meta"]["lastUpdated"]
    assert door.ids("Patient") == door.ids("Patient?identifier=B-1") == [str(ann.pk)]
    assert BEN in door.ids("ImagingStudy?patient.identifier=B-1")
