"""What is asked at every arrival and by every scanner reads an index, however long the history."""

from __future__ import annotations

import datetime

import pytest
from django.db import connection
from pydicom.dataset import Dataset

from archive.models import ScheduledStep
from archive.scheduling.selectors import OPEN_STATES, matching, visible_steps

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 7, 6)


@pytest.fixture
def history(project) -> None:
    """Years of examinations that are over, and a few to come."""
    ScheduledStep.objects.bulk_create(
        ScheduledStep(
            project=project,
            state="COMPLETED" if number < 5000 else "SCHEDULED",
            dicom_patient_id=f"P{number}",
            patient_name="Doe^Jane",
            study_instance_uid=f"1.2.826.0.1.88.{number}",
            requested_procedure_id=f"R{number}",
            scheduled_step_id=f"S{number}",
            accession_number=f"A{number}",
            modality="CT",
            scheduled_date=DAY - datetime.timedelta(days=5010 - number),
        )
        for number in range(5010)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE archive_scheduledstep")


def _plan(rows) -> str:
    return str(rows.explain())


def test_open_steps_are_found_without_the_history(history, radiologist) -> None:
    open_steps = ScheduledStep.objects.filter(state__in=OPEN_STATES)

    assert "Seq Scan on archive_scheduledstep" not in _plan(open_steps.order_by("scheduled_date"))
    assert "Seq Scan on archive_scheduledstep" not in _plan(open_steps.filter(state="STARTED"))


@pytest.mark.parametrize(
    "condition",
    [
        {"scheduled_date__gte": DAY, "scheduled_date__lte": DAY},
        {"accession_number": "A17"},
        {"dicom_patient_id": "P17"},
        {"study_instance_uid": "1.2.826.0.1.88.17"},
    ],
    ids=str,
)
def test_keys_of_scanners_read_an_index(history, radiologist, condition: dict) -> None:
    rows = visible_steps(radiologist).filter(**condition)

    assert "Seq Scan on archive_scheduledstep" not in _plan(rows)


def test_universal_query_reads_what_is_open(history, radiologist) -> None:
    assert len(list(matching(radiologist, Dataset()))) == 10
