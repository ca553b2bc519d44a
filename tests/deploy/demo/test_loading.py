from io import StringIO

import pytest
from django.core.management import call_command

from archive.models import Instance, Project, Quarantine, Study
from deploy.demo import loading
from deploy.demo.cohort import visits
from inference.models import Label

pytestmark = pytest.mark.django_db


def run(**options: object) -> str:
    out = StringIO()
    call_command("load_demo", stdout=out, stderr=out, **options)
    return out.getvalue()


def test_studies_come_through_ingest_into_their_project() -> None:
    text = run(limit=2)
    project = Project.objects.get(name="Demonstration")
    assert "2 of 2 studies stored" in text
    newest = visits()[-2:]
    for visit in newest:
        study = Study.objects.get(study_instance_uid=visit.study_instance_uid)
        assert list(study.projects.all()) == [project]
        assert study.patient.dicom_patient_id == visit.person.patient_id
        assert study.patient.issuer_of_patient_id == "TWINSIGHT-DEMO"
    assert not Quarantine.objects.exists()


def test_real_files_of_the_packages_come_too() -> None:
    run(limit=0)
    assert Instance.objects.filter(series__modality="US").count() >= 3
    assert not Quarantine.objects.exists()


def test_a_second_run_continues_and_stores_nothing_twice() -> None:
    run(limit=1)
    held = set(Instance.objects.values_list("sop_instance_uid", flat=True))
    labels = Label.objects.count()
    assert len(loading.missing_visits()) == len(visits()) - 1
    run(limit=0)
    assert set(Instance.objects.values_list("sop_instance_uid", flat=True)) == held
    assert Label.objects.count() == labels


def test_nothing_missing_is_said_without_drawing_a_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "visits", lambda: visits()[-1:])
    run()
    monkeypatch.setattr(loading, "visit_files", lambda _visit: pytest.fail("drawn again"))
    assert "already here" in run()


def test_ground_truth_is_stored_as_labels() -> None:
    run(limit=1)
    visit = visits()[-1]
    held = Label.objects.filter(study__study_instance_uid=visit.study_instance_uid)
    assert set(held.values_list("label_set", "label")) == {
        ("modality", visit.modality),
        ("body part", visit.body_part),
        ("finding", visit.finding),
    }
