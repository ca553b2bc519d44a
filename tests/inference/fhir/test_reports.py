from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils import timezone

from archive.models import AuditEvent, Series
from inference.models import Finding, FindingVerdict, ResultReview, Run
from tests.archive.fhir.asking import Door
from tests.factories.inference import ModelVersionFactory, RunFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.0.1.7.9"


@pytest.fixture
def door(radiologist: User) -> Door:
    client = Client()
    client.force_login(radiologist)
    return Door(client)


@pytest.fixture
def run(project) -> Run:
    """A model that found a nodule, measured the liver, and named the modality."""
    from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

    study = StudyFactory(
        study_instance_uid=STUDY,
        study_date="2024-02-29",
        study_description="<Thorax>",
        projects=[project],
        patient=PatientFactory(
            dicom_patient_id="A-1", patient_name="Doe^Ann", patient_name_search="doe ann"
        ),
    )
    series = SeriesFactory(study=study)
    version = ModelVersionFactory(
        name="finder",
        description="Finds <things>",
        labels=[{"name": "nodule", "code": "27925004", "scheme": "SCT", "meaning": "Nodule"}],
    )
    made = RunFactory(
        model_version=version,
        series=series,
        state="succeeded",
        finished_at=timezone.now(),
        not_before=timezone.now(),
        outputs={"sr": f"{STUDY}.5"},
    )
    Finding.objects.create(
        run=made,
        series=series,
        kind="detection",
        name="detection",
        label="nodule",
        value=7.25,
        unit="mm",
        probability=0.91,
        is_critical=True,
        tracking_uid=f"{STUDY}.6",
    )
    Finding.objects.create(
        run=made,
        series=series,
        kind="measurement",
        name="volume",
        label="liver",
        value=1523.4,
        unit="cm3",
    )
    Finding.objects.create(
        run=made,
        series=series,
        kind="classification",
        name="modality",
        label="CT",
        probability=0.999,
    )
    return made  # fmt: skip


def review(run: Run, decision: str, reviewer: User, **changes: tuple[str, float | None]) -> None:
    """Decide on a run as `inference.review.services` does."""
    decided = ResultReview.objects.create(
        run=run, decision=decision, reviewer=reviewer, reason="looked at it"
    )
    for finding in run.findings.all():
        change = changes.get(finding.name)
        is_agreed = change is None and decision != "rejected"
        finding.review = "accepted" if is_agreed else "rejected"
        finding.save()
        label, value = change or ("", None)
        FindingVerdict.objects.create(
            review=decided, finding=finding, is_agreed=is_agreed, label=label, value=value
        )


def test_a_result_is_a_preliminary_report_with_its_statements(door: Door, run: Run) -> None:
    report = door.ask(f"DiagnosticReport/{run.pk}")

    assert report["status"] == "preliminary"
    assert report["imagingStudy"][0]["reference"] == f"ImagingStudy/{STUDY}"
    assert report["identifier"][0]["value"] == f"urn:oid:{STUDY}.5"
    assert report["effectiveDateTime"] == "2024-02-29"
    assert "not for diagnostic use" in report["conclusion"]
    assert [one["display"] for one in report["result"]] == [
        "Detection: Nodule, 7.25 mm (91%)",
        "Liver: volume 1523 mL",
        "Modality: CT (100%)",
    ]
    assert "Finds &lt;things&gt;" in report["text"]["div"]
    assert "&lt;Thorax&gt; 2024-02-29" in report["text"]["div"]
    assert {"system": "http://snomed.info/sct", "code": "27925004", "display": "Nodule"} in [
        code for one in report["conclusionCode"] for code in one["coding"]
    ]
    nodule, liver, modality = (door.ask(one["reference"]) for one in report["result"])
    assert nodule["interpretation"][0]["coding"][0]["code"] == "AA"
    assert nodule["component"][0]["valueQuantity"]["value"] == 7.25
    assert nodule["component"][1]["code"]["coding"][0]["code"] == "111012"
    assert nodule["contained"][0]["deviceName"][0]["name"] == "finder"
    assert liver["valueQuantity"] == {
        "value": 1523.4,
        "unit": "mL",
        "system": "http://unitsofmeasure.org",
        "code": "cm3",
    }
    assert modality["code"]["coding"][0]["code"] == "121139"
    assert AuditEvent.objects.filter(act="read-resource", study_instance_uid=STUDY).count() == 4


def test_what_people_decide_is_what_the_report_says(
    door: Door, run: Run, radiologist: User
) -> None:
    path, statements = f"DiagnosticReport/{run.pk}", list(run.findings.order_by("pk"))
    before = door.ask(path)["meta"]["versionId"]
    review(run, "edited", radiologist, detection=("", None), volume=("", 1400.0))

    report = door.ask(path)
    assert (report["status"], report["resultsInterpreter"][0]["display"]) == (
        "corrected",
        "radiologist",
    )
    assert report["meta"]["versionId"] != before
    # The nodule was taken back, the volume put right.
    assert len(report["result"]) == 2
    liver = door.ask(f"Observation/{statements[1].pk}")
    assert (liver["status"], liver["valueQuantity"]["value"]) == ("corrected", 1400.0)
    assert any("1523 cm3" in note["text"] for note in liver["note"])
    assert door.ask(f"Observation/{statements[0].pk}")["status"] == "entered-in-error"
    assert door.ask(f"Observation/{statements[2].pk}")["status"] == "final"
    assert door.ids("Observation?value-quantity=1400||cm3") == [str(statements[1].pk)]
    assert door.ids("Observation?status=entered-in-error") == [str(statements[0].pk)]

    review(run, "edited", radiologist, detection=("cyst", None))
    assert door.ids("Observation?value-concept=cyst") == [str(statements[0].pk)]
    assert door.ids("Observation?value-concept=nodule") == []
    review(run, "accepted", radiologist)
    assert door.ask(path)["status"] == "final"
    review(run, "rejected", radiologist)
    rejected = door.ask(path)
    assert (rejected["status"], rejected["conclusion"]) == (
        "entered-in-error",
        "Rejected: looked at it",
    )
    assert "result" not in rejected
    assert door.ids("DiagnosticReport") == door.ids("Observation") == []
    assert door.ids("DiagnosticReport?status=entered-in-error") == [str(run.pk)]


def test_reports_and_statements_are_found(door: Door, run: Run) -> None:
    nodule, liver, modality = (str(one.pk) for one in run.findings.order_by("pk"))
    patient = run.study.patient_id
    found = {
        f"study=ImagingStudy/{STUDY}": True,
        "study=1.2.3": False,
        f"study:identifier=urn:oid:{STUDY}": True,
        "study.modality=CT": False,
        "patient.identifier=A-1": True,
        f"subject=Patient/{patient}": True,
        f"patient={patient + 1}": False,
        "status=preliminary": True,
        "status:not=final": True,
        "status:not=preliminary": False,
        "category=RAD": True,
        "category=LAB": False,
        "code=http://loinc.org|18748-4": True,
        "code=finder": True,
        "code=other": False,
        "code:text=find": True,
        "code:text=inder": False,
        "result:missing=false": True,
        "identifier:missing=false&category:missing=true": False,
        "_sort=-issued,date": True,
        "date=2024-02-29": True,
        "date=gt2024": False,
        "issued=ge2024": True,
        f"result=Observation/{liver}": True,
        f"identifier=urn:dicom:uid|urn:oid:{STUDY}.5": False,  # no such object
        "_lastUpdated=gt2000": True,
    }
    for query, is_found in found.items():
        assert bool(door.ids(f"DiagnosticReport?{query}")) is is_found, query
    statements = {
        "": {nodule, liver, modality},
        f"derived-from=ImagingStudy/{STUDY}": {nodule, liver, modality},
        "derived-from:ImagingStudy.identifier=1.2.3": set(),
        "code=volume": {liver},
        "code:not=volume,detection": {modality},
        "value-concept=nodule": {nodule},
        "value-concept=liver": set(),
        "value-concept:text=nod": {nodule},
        "value-concept:missing=true": {liver},
        "value-quantity:missing=true": {modality},
        "value-quantity=ap1400": {liver},
        "value-quantity=ap1300": set(),
        "code:text=vol": {liver},
        f"_has:DiagnosticReport:result:study={STUDY}": {nodule, liver, modality},
        "_has:DiagnosticReport:result:status=final": set(),
        "value-quantity=gt1000": {liver},
        "value-quantity=7.25|http://unitsofmeasure.org|mm": {nodule},
        "value-quantity=7.2": set(),
        f"identifier=urn:oid:{STUDY}.6": {nodule},
        "category=imaging&patient.name=doe": {nodule, liver, modality},
        "date=lt2024": set(),
    }
    for query, wanted in statements.items():
        assert set(door.ids(f"Observation?{query}")) == wanted, query
    for query, is_found in {
        "ImagingStudy?_has:DiagnosticReport:study:status=preliminary": True,
        "ImagingStudy?_has:Observation:derived-from:value-concept=nodule": True,
        "ImagingStudy?_has:Observation:derived-from:value-concept=liver": False,
        "Patient?_has:Observation:patient:value-quantity=gt1000": True,
        "Patient?_has:ImagingStudy:patient:_has:DiagnosticReport:study:code=other": False,
    }.items():
        assert bool(door.ids(query)) is is_found, query
    bundle = door.ask(
        f"ImagingStudy?_id={STUDY}&_include=ImagingStudy:patient"
        "&_revinclude=DiagnosticReport:study&_revinclude=Observation:derived-from"
    )
    kinds = [one["resource"]["resourceType"] for one in bundle["entry"]]
    assert kinds == ["ImagingStudy", "Patient", "DiagnosticReport", *["Observation"] * 3]
    bundle = door.ask(
        "DiagnosticReport?_include=DiagnosticReport:result&_include=DiagnosticReport:study"
    )
    assert len(bundle["entry"]) == 5


def test_trials_replaced_results_and_vectors_are_no_reports(door: Door, run: Run) -> None:
    newer = RunFactory(
        model_version=run.model_version,
        series=run.series,
        state="succeeded",
        input_digest="2",
        not_before=timezone.now(),
    )
    RunFactory(series=run.series, state="succeeded", is_shadow=True, not_before=timezone.now())
    RunFactory(
        series=run.series,
        state="succeeded",
        model_version=ModelVersionFactory(task="embed"),
        not_before=timezone.now(),
    )

    assert door.ids("DiagnosticReport") == [str(newer.pk)]
    assert door.ids("Observation") == []
    assert door.ids(f"DiagnosticReport?_id={run.pk}") == [str(run.pk)]
    assert "Nothing was found" in door.ask(f"DiagnosticReport/{newer.pk}")["conclusion"]
    Series.objects.filter(pk=run.series_id).update(withheld="deleted")
    assert door.refusal(f"DiagnosticReport/{newer.pk}", 404) == "not-found"


def test_whoever_does_not_see_the_study_sees_nothing_said_of_it(
    run: Run, outsider: User, radiologist: User
) -> None:
    client = Client()
    client.force_login(outsider)
    outside, statement = Door(client), run.findings.first().pk

    for path in (f"DiagnosticReport/{run.pk}", f"Observation/{statement}"):
        absent = outside.ask(path.split("/")[0] + "/999999999", 404)
        assert outside.ask(path, 404) == absent
    for query in (
        "DiagnosticReport",
        "Observation?code=volume",
        f"Observation?_id={statement}",
        "Patient?_has:Observation:patient:code=volume",
        f"Observation?_has:DiagnosticReport:result:_id={run.pk}",
    ):
        bundle = outside.ask(query)
        assert (bundle["total"], bundle.get("entry", [])) == (0, [])


def test_the_number_of_statements_does_not_grow_with_the_answer(
    door: Door, run: Run, django_assert_max_num_queries
) -> None:
    for number in range(3):
        other = RunFactory(
            series=run.series,
            state="succeeded",
            not_before=timezone.now(),
            input_digest=str(number),
        )
        Finding.objects.create(run=other, series=run.series, kind="measurement", name="size")
    with django_assert_max_num_queries(12):
        assert len(door.ids("DiagnosticReport")) == 4
    with django_assert_max_num_queries(12):
        assert len(door.ids("Observation")) == 6
