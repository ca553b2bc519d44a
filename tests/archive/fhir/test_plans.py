"""What PostgreSQL makes of FHIR's searches: an index of what is asked for, at any size."""

from __future__ import annotations

import pytest
from django.db import connection

from archive.fhir.registry import kinds
from archive.models import Patient, Study
from bench.archive_rows import grow
from tests.archive.query.test_plans import plans, scans_a_table, statements

pytestmark = pytest.mark.django_db
DAY = "_lastUpdated=ge2026-01-01&_lastUpdated=lt2026-01-02"


def test_searches_begin_at_an_index_of_what_is_asked_for(door, project) -> None:
    with connection.cursor() as cursor:
        grow(cursor, project.pk, first=0, last=40_000)
        cursor.execute("SET LOCAL enable_seqscan = off")
    patient, study = Patient.objects.latest("pk"), Study.objects.latest("pk")
    table = {
        f"ImagingStudy?{DAY}": "study_change_idx",
        f"ImagingStudy?{DAY}&_sort=_lastUpdated": "study_change_idx",
        f"ImagingStudy?_sort=-started&_after={study.pk}": "study_date_time_idx",
        "ImagingStudy?started=2020-01": "study_date",
        "ImagingStudy?modality=XX": "series_modality_idx",
        f"ImagingStudy?patient.identifier={patient.dicom_patient_id}": "dicom_patient_id",
        f"Patient?{DAY}": "patient_changed_idx",
        "Patient?_sort=-_lastUpdated": "patient_changed_idx",
        "Patient?birthdate=1970": "patient_birth_date_idx",
        f"Patient?identifier=|{patient.dicom_patient_id}": "dicom_patient_id",
    }
    assert {path.partition("?")[0] for path in table} <= set(kinds)
    for path, index in table.items():
        with statements() as asked:
            door.ask(path)

        found = [
            plan
            for (sql, _), plan in zip(asked, plans(asked), strict=True)
            if sql.startswith("SELECT")
        ]

        assert not any(scans_a_table(plan) for plan in found), (path, found)
        assert any(index in plan for plan in found), (path, found)
