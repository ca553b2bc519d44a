from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pydicom.dataset import Dataset

from archive.audit.types import Asker
from archive.errors import NotAllowedError, NotVisibleError
from archive.events.services import relay_outbox
from archive.models import AuditEvent, OutboxEvent, ScheduledStep
from archive.scheduling.errors import InvalidStepError, StepConflictError
from archive.scheduling.selectors import arrived_studies, matching
from archive.scheduling.services import (
    change_step,
    complete_quiet_steps,
    move_step,
    note_arrivals,
    schedule_step,
)
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.archive import PatientFactory, StudyFactory

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

    from archive.models import Project
    from archive.scheduling.types import StepValues

    Values = Callable[..., StepValues]

pytestmark = pytest.mark.django_db


def test_step_gets_what_nobody_said(asker: Asker, values: Values, project: Project) -> None:
    step = schedule_step(asker=asker, values=values(patient_name="Ärne^Zoë", modality="ct"))

    step.refresh_from_db()
    assert step.project == project
    assert step.scheduled_step_id == f"S{step.pk}"
    assert step.requested_procedure_id == f"R{step.pk}"
    assert step.study_instance_uid.startswith("2.25.")
    assert (step.modality, step.patient_name_search) == ("CT", "arne zoe")
    assert AuditEvent.objects.filter(act="schedule-step").exists()
    assert OutboxEvent.objects.get(kind="steps_scheduled").payload == {"step_ids": [step.pk]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dicom_patient_id", ""),
        ("dicom_patient_id", "A\\B"),
        ("patient_name", "x" * 400),
        ("modality", "computed tomography"),
        ("modality", "C\x00"),
        ("patient_sex", "Q"),
        ("accession_number", "x" * 17),
        ("accession_number", "a\nb"),
        ("scheduled_station_ae_title", "Müller"),
        ("study_instance_uid", "1.2.x"),
        ("patient_weight_kg", float("nan")),
        ("pregnancy_status", 7),
        ("requested_procedure_priority", "SOON"),
        ("protocol_code", {"value": "1"}),
        ("protocol_code", {"value": "1" * 17, "scheme": "DCM", "meaning": ""}),
        ("project", "nowhere"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_value_that_no_worklist_can_say_is_refused_by_name(
    asker: Asker, values: Values, field: str, value: object
) -> None:
    with pytest.raises(InvalidStepError) as refused:
        schedule_step(asker=asker, values=values(**{field: value}))

    assert refused.value.field == field
    assert not ScheduledStep.objects.exists()


def test_same_step_of_a_study_is_scheduled_once(asker: Asker, values: Values) -> None:
    said = values(study_instance_uid="1.2.3", scheduled_step_id="S7")
    schedule_step(asker=asker, values=said)

    with pytest.raises(StepConflictError):
        schedule_step(asker=asker, values=said)


def test_who_only_looks_schedules_nothing(
    colleague: User, outsider: User, asker: Asker, values: Values
) -> None:
    step = schedule_step(asker=asker, values=values())
    viewer = Asker(door="api", user=colleague)

    with pytest.raises(InvalidStepError):
        schedule_step(asker=viewer, values=values())
    with pytest.raises(NotAllowedError):
        move_step(asker=viewer, step_id=step.pk, state="ARRIVED")
    with pytest.raises(NotVisibleError):
        move_step(asker=Asker(door="api", user=outsider), step_id=step.pk, state="ARRIVED")


def test_change_keeps_identifiers_that_are_left_out(asker: Asker, values: Values) -> None:
    step = schedule_step(asker=asker, values=values())

    changed = change_step(asker=asker, step_id=step.pk, values=values(patient_name="Roe^Ann"))

    assert changed.patient_name_search == "roe ann"
    assert changed.study_instance_uid == step.study_instance_uid
    assert changed.scheduled_step_id == step.scheduled_step_id


def test_step_that_is_over_changes_no_more(asker: Asker, values: Values) -> None:
    step = schedule_step(asker=asker, values=values())
    move_step(asker=asker, step_id=step.pk, state="DISCONTINUED")

    with pytest.raises(StepConflictError):
        move_step(asker=asker, step_id=step.pk, state="STARTED")
    with pytest.raises(StepConflictError):
        change_step(asker=asker, step_id=step.pk, values=values())
    with pytest.raises(InvalidStepError):
        move_step(asker=asker, step_id=step.pk, state="LOST")
    assert list(matching(asker.user, Dataset())) == []


def test_study_that_arrives_starts_its_step(asker: Asker, values: Values, project: Project) -> None:
    by_uid = schedule_step(asker=asker, values=values(study_instance_uid="1.2.3.4"))
    by_order = schedule_step(asker=asker, values=values(accession_number="A7"))
    other = schedule_step(asker=asker, values=values(accession_number="A7", dicom_patient_id="P2"))
    OutboxEvent.objects.update(published_at=timezone.now())
    ds = make_dataset()
    ds.StudyInstanceUID, ds.AccessionNumber, ds.PatientID = "1.2.3.4", "A7", "P1"
    store_datasets(ds, project=project)

    relay_outbox()

    states = dict(ScheduledStep.objects.values_list("pk", "state"))
    assert states[by_uid.pk] == states[by_order.pk] == "STARTED"
    assert states[other.pk] == "SCHEDULED"
    steps = list(ScheduledStep.objects.order_by("pk"))
    assert arrived_studies(asker.user, steps) == {by_uid.pk: "1.2.3.4", by_order.pk: "1.2.3.4"}


def test_quiet_study_completes_its_step(
    asker: Asker, values: Values, settings, project: Project
) -> None:
    study = StudyFactory(patient=PatientFactory(dicom_patient_id="P1"), projects=[project])
    step = schedule_step(asker=asker, values=values(study_instance_uid=study.study_instance_uid))
    without = schedule_step(asker=asker, values=values())
    move_step(asker=asker, step_id=without.pk, state="STARTED")
    assert note_arrivals([study.pk]) == 1
    assert complete_quiet_steps() == 0
    ScheduledStep.objects.update(updated_at=timezone.now() - timedelta(hours=1))

    assert complete_quiet_steps() == 1

    step.refresh_from_db()
    without.refresh_from_db()
    assert (step.state, without.state) == ("COMPLETED", "STARTED")
