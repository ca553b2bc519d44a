from __future__ import annotations

import pytest
from django.test import Client

from archive.models import AuditEvent, Membership, Patient, Study
from tests.archive.fhir.asking import Door
from tests.archive.fhir.conftest import ANN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("studies")]


@pytest.fixture
def auditor(outsider, project) -> Door:
    """An auditor of the project, who sees no images."""
    Membership.objects.create(user=outsider, project=project, role="auditor")
    client = Client()
    client.force_login(outsider)
    return Door(client)


def test_records_are_read_and_found_by_those_who_may(door, auditor, radiologist) -> None:
    patient = Patient.objects.get(dicom_patient_id="A-1").pk
    door.ask(f"ImagingStudy/{ANN}")
    door.ask("Patient?name=mull")
    (key,) = auditor.ids(f"AuditEvent?entity=ImagingStudy/{ANN}&subtype=read-resource")

    record = auditor.ask(f"AuditEvent/{key}")

    assert (record["type"]["code"], record["action"], record["outcome"]) == ("110103", "R", "0")
    asker, archive = record["agent"]
    assert (asker["who"]["display"], asker["requestor"]) == ("radiologist", True)
    assert asker["type"]["coding"][0]["code"] == "110152"
    assert (archive["requestor"], archive["type"]["coding"][0]["code"]) == (False, "110153")
    table = {
        f"entity:identifier=urn:dicom:uid|urn:oid:{ANN}&action=R": [key],
        f"patient=Patient/{patient}&action=R": [key],
        "entity.patient.name=x": None,
        f"entity=ImagingStudy/{ANN}&action=R&agent-name=radio": [key],
        "agent-name:exact=radio": [],
        "type=110103&outcome=0&agent-name:contains=OLOG": [key],
        "outcome=8": [],
        "address=127.0.0.1&subtype=read-resource": [key],
        "address=nowhere": [],
        "address=127.0&subtype=read-resource": [key],
        "address:exact=127.0": [],
        "address:contains=7.0.0&address:missing=false&subtype=read-resource": [key],
        "_sort=-date,_lastUpdated&entity:missing=false&subtype=read-resource": [key],
        "action:not=R&subtype=read-resource": [],
        "date=ge2020-01-01&subtype=read-resource": [key],
        "date=lt2020-01-01T00:00:00Z": [],
    }
    for query, wanted in table.items():
        if wanted is None:
            assert auditor.refusal(f"AuditEvent?{query}", 400) == "not-supported"
        else:
            assert auditor.ids(f"AuditEvent?{query}") == wanted, query
    # What was searched is about no study of the project.
    assert auditor.ids("AuditEvent?subtype=search-resources") == []
    assert AuditEvent.objects.filter(act="read-audit", actor_name="outsider").exists()


def test_what_auditors_may_not_see_is_not_spelled_by_chained_searches(
    door, auditor, archive_admin, client, studies
) -> None:
    Patient.objects.filter(dicom_patient_id="A-1").update(patient_birth_date="1950-02-03")
    door.ask(f"ImagingStudy/{ANN}")
    chains = (
        "patient.family=M",
        "patient.birthdate=1950",
        "patient.identifier=A-1",
        "entity:ImagingStudy.identifier=ACC-1",
        "entity.status=available",
    )
    client.force_login(archive_admin)
    seeing = Door(client)

    for chain in chains:
        query = f"AuditEvent?subtype=read-resource&{chain}"
        assert auditor.ids(query) == [], chain
        assert len(seeing.ids(query)) == 1, chain
    # Of a study that was deleted since, too.
    Study.objects.filter(study_instance_uid=ANN).update(withheld="deleted")
    assert len(seeing.ids("AuditEvent?subtype=read-resource&patient.identifier=A-1")) == 1


def test_the_whole_trail_is_valid_and_sign_ins_are_found_by_dicoms_code(
    door, archive_admin
) -> None:
    door.ask("Patient?name=mull")
    client = Client()
    client.force_login(archive_admin)
    wide = Door(client)

    bundle = wide.ask("AuditEvent?subtype=110122,search-resources")

    query = next(
        one["resource"] for one in bundle["entry"] if one["resource"]["type"]["code"] == "110112"
    )
    person, said = query["entity"]
    assert person["what"]["type"] == "Patient"
    assert said["query"]


def test_nobody_else_reads_the_trail(door) -> None:
    key = AuditEvent.objects.create(event_id="110103", act="study", action="R", door="portal").pk

    assert door.refusal("AuditEvent", 403) == "forbidden"
    assert door.refusal(f"AuditEvent/{key}", 403) == "forbidden"
