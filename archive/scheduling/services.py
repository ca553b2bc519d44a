"""Examinations to come: scheduled, changed, moved from state to state."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import home_project, require_may_store
from archive.audit import workitems as audit
from archive.dicom.charsets import fold_text
from archive.errors import NotAllowedError
from archive.events.services import publish
from archive.events.types import StepsScheduled
from archive.models import Project, ScheduledStep, Study
from archive.models.access import READING_ROLES
from archive.models.querysets import readable_projects
from archive.scheduling.checking import check_step
from archive.scheduling.errors import InvalidStepError, StepConflictError
from archive.scheduling.selectors import OPEN_STATES, find_step
from archive.scheduling.types import FINAL, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from archive.scheduling.types import StepValues

_IDS = ("scheduled_step_id", "requested_procedure_id")


def schedule_step(*, asker: Asker, values: StepValues) -> ScheduledStep:
    """Put an examination on the modality worklist.

    Raises
    ------
    NotAllowedError
        The asker may not store in the project.
    InvalidStepError
        A value can't be one of its attribute; ``field`` says which.
    StepConflictError
        The study has a step of this identifier.
    """
    user = _signed_in(asker)
    step = ScheduledStep(project=_project(user, values.project), created_by_id=user.pk)
    _write(step, values)
    step.study_instance_uid = step.study_instance_uid or f"2.25.{uuid.uuid4().int}"
    made = [name for name in _IDS if not getattr(step, name)]
    for name in made:
        setattr(step, name, uuid.uuid4().hex[:16])
    check_step(step)
    try:
        with transaction.atomic():
            step.save(force_insert=True)
            # Short ones, that people can read to each other: by the row's own number.
            for name in made:
                setattr(step, name, f"{name[0].upper()}{step.pk}")
            step.save()
            _record(asker, "schedule-step", step)
            publish(StepsScheduled(step_ids=[step.pk]))
    except IntegrityError as error:
        message = "The study has a step of this identifier already."
        raise StepConflictError(message) from error
    return step


def change_step(*, asker: Asker, step_id: int, values: StepValues) -> ScheduledStep:
    """Change what is known of an examination that is not over; errors as of `schedule_step`."""
    user = _signed_in(asker)
    try:
        with transaction.atomic():
            step = _held(user, step_id)
            if values.project and values.project != step.project.slug:
                step.project = _project(user, values.project)
            before = {name: getattr(step, name) for name in (*_IDS, "study_instance_uid")}
            _write(step, values)
            for name, value in before.items():
                setattr(step, name, getattr(step, name) or value)
            check_step(step)
            step.save()
            _record(asker, "change-step", step)
    except IntegrityError as error:
        message = "The study has a step of this identifier already."
        raise StepConflictError(message) from error
    return step


def move_step(*, asker: Asker, step_id: int, state: str) -> ScheduledStep:
    """Say that the patient arrived, or that the examination began, was done or given up.

    Raises
    ------
    InvalidStepError
        There is no such state.
    StepConflictError
        The step is over.
    """
    user = _signed_in(asker)
    if state not in State.values:
        raise InvalidStepError(
            gettext("The state is one of %(choices)s.") % {"choices": ", ".join(State.values)},
            field="state",
        )
    with transaction.atomic():
        step = _held(user, step_id)
        if step.state != state:
            step.state = state
            step.save(update_fields=["state", "updated_at"])
            _record(asker, "move-step", step, state=state)
    return step


def note_arrivals(study_ids: Iterable[int]) -> int:
    """Start the steps whose studies arrive: of the same UID, or accession number and patient.

    Those that were started are kept from being taken for over. How many there were.
    """
    if not ScheduledStep.objects.filter(state__in=OPEN_STATES).exists():
        return 0
    studies = Study.objects.filter(pk__in=list(study_ids)).values_list(
        "study_instance_uid", "accession_number", "patient__dicom_patient_id"
    )
    wanted = Q(pk__in=[])
    for uid, accession_number, patient_id in studies:
        wanted |= Q(study_instance_uid=uid)
        if accession_number and patient_id:
            wanted |= Q(accession_number=accession_number, dicom_patient_id=patient_id)
    rows = ScheduledStep.objects.filter(wanted, state__in=OPEN_STATES)
    return rows.update(state=State.STARTED, updated_at=timezone.now())


def complete_quiet_steps() -> int:
    """Complete the steps whose studies get no more images for a while; how many there were."""
    pause = timedelta(minutes=settings.TWINSIGHT_SCHEDULE_QUIET_MINUTES)
    rows = ScheduledStep.objects.filter(state=State.STARTED, updated_at__lt=timezone.now() - pause)
    same_uid = Study.objects.filter(study_instance_uid=OuterRef("study_instance_uid"))
    same_order = Study.objects.filter(
        accession_number=OuterRef("accession_number"),
        patient__dicom_patient_id=OuterRef("dicom_patient_id"),
    ).exclude(accession_number="")
    # What somebody said began, and of which nothing came, waits for them.
    rows = rows.filter(Exists(same_uid) | Exists(same_order))
    return rows.update(state=State.COMPLETED, updated_at=timezone.now())


def _write(step: ScheduledStep, values: StepValues) -> None:
    said: dict[str, Any] = asdict(values)
    said.pop("project")
    for name, value in said.items():
        setattr(step, name, value.strip() if isinstance(value, str) else value)
    for name in ("requested_procedure_code", "protocol_code"):
        setattr(step, name, dict(said[name]))
    step.modality = step.modality.upper()
    step.patient_name_search = fold_text(step.patient_name)[:512]


def _project(user: AnyUser, name: str) -> Project:
    """Return where the step belongs; a project that the user doesn't see is as good as none."""
    if name:
        found = readable_projects(user, READING_ROLES).filter(slug=name).first()
        if found is None:
            raise InvalidStepError(gettext("There is no such project."), field="project")
        require_may_store(user, found)
        return found
    home = home_project(user)
    if home is None:
        raise InvalidStepError(gettext("Say in which project."), field="project")
    require_may_store(user, home)
    return home


def _held(user: AnyUser, step_id: int) -> ScheduledStep:
    """Return a step that is not over, with its row locked."""
    step = find_step(user, step_id)
    require_may_store(user, step.project)
    rows = ScheduledStep.objects.select_for_update(of=("self",)).select_related("project")
    step = rows.get(pk=step.pk)
    if step.state in FINAL:
        raise StepConflictError(gettext("This step is over."))
    return step


def _record(asker: Asker, act: str, step: ScheduledStep, **details: Any) -> None:
    audit.record_step_changed(
        asker, act=act, study=step.study_instance_uid, step=step.pk, details=details
    )


def _signed_in(asker: Asker) -> AnyUser:
    if asker.user is None or not asker.user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to schedule examinations."))
    return asker.user
