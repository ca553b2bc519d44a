"""Corrections taken back: all is said as before, and what came since fits in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.audit import corrections as audit
from archive.corrections.fields import PATIENT, SERIES, STUDY, attributes_of, columns_of, row_values
from archive.corrections.finding import (
    account,
    locked_studies,
    locked_studies_of,
    locked_study,
    require_administered,
    require_administered_projects,
)
from archive.corrections.recording import (
    announce,
    forget_in_series,
    forget_in_studies,
    holds,
)
from archive.corrections.selectors import administered_corrections
from archive.corrections.series import (
    path_attributes,
    require_nothing_removed,
    take_to,
    write_series,
)
from archive.corrections.studies import write_study
from archive.corrections.transactions import in_one_transaction
from archive.errors import NotAllowedError, NotVisibleError, StateConflictError
from archive.ingest.following import identity_of
from archive.models import Correction, Patient, PatientAlias, Project, Series, Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archive.audit.types import Asker

_Kind = Correction.Kind


@in_one_transaction
def undo_correction(*, asker: Asker, correction_id: int) -> Correction:
    """Take a correction back.

    Parameters
    ----------
    asker
        a radiology admin of all projects concerned
    correction_id
        its key

    Raises
    ------
    NotVisibleError
        There is none, or not for this user.
    NotAllowedError
        Some of what it touches is not theirs to correct.
    StateConflictError
        It was undone before, a later one rests on it, or what it speaks of is gone.
    """
    user = asker.user or AnonymousUser()
    found = administered_corrections(user).filter(pk=correction_id).exists()
    if not found:
        raise NotVisibleError("There is no such correction.")
    correction = Correction.objects.select_for_update(no_key=True, of=("self",)).get(
        pk=correction_id
    )
    if correction.undone_at is not None:
        raise StateConflictError(gettext("It was undone already."), code="correction-undone")
    _require_last(correction)
    try:
        # What another row took the place of meanwhile can't be given back.
        with transaction.atomic():
            studies = _UNDO[correction.kind](asker, correction)
            unnamed = Study.objects.filter(pk__in=correction.before.get("deidentified", ()))
            unnamed.update(is_deidentified=True)
    except IntegrityError as error:
        message = "Another patient has this ID by now."
        raise StateConflictError(message, code="patient-exists") from error
    correction.undone_at, correction.undone_by = timezone.now(), account(asker)
    correction.save(update_fields=["undone_at", "undone_by"])
    audit.record_correction_undone(asker, correction)
    announce(studies, correction.subject.get("series", ()))
    return correction


def _require_last(correction: Correction) -> None:
    """Refuse where a later correction of the same thing would lose its footing."""
    touched = Q(pk__in=[])
    for name in ("patients", "studies", "series", "projects_of"):
        for key in correction.subject.get(name, ()):
            touched |= Q(subject__contains={name: [key]})
    later = Correction.objects.filter(touched, pk__gt=correction.pk, undone_at__isnull=True)
    mine = set(correction.after.get("attributes", {}))
    for other in later.order_by("pk"):
        theirs = set(other.after.get("attributes", {}))
        if mine & theirs or correction.kind == other.kind == _Kind.PROJECT_MOVE:
            message = f"Correction {other.pk} rests on it: undo that one first."
            raise StateConflictError(message, code="later-correction")


def _undo_patient_edit(asker: Asker, correction: Correction) -> list[int]:
    patient = _locked_patient(correction.patient_id)
    studies = locked_studies_of(patient)
    require_administered(asker, [study.pk for study in studies])
    said = identity_of(patient)
    before = correction.before
    correction.aliases.update(is_active=False)
    for name, value in columns_of(PATIENT, before["values"]).items():
        setattr(patient, name, value)
    patient.conflict_of_id = before["conflict_of"]
    patient.save()
    PatientAlias.objects.filter(pk__in=before["closed_aliases"]).update(is_active=True)
    touched = [study for study in studies if holds(study.corrected, correction)]
    forget_in_studies(correction, touched, attributes_of(PATIENT, before["values"]), said)
    return [study.pk for study in studies]


def _undo_merge(asker: Asker, correction: Correction) -> list[int]:
    keys = correction.subject["patients"]
    source, target = (_locked_patient(key) for key in sorted(keys))
    if source.pk != keys[0]:
        source, target = target, source
    studies = [s for s in locked_studies_of(target) if holds(s.corrected, correction)]
    require_administered(asker, [study.pk for study in studies])
    before = correction.before
    correction.aliases.update(is_active=False)
    PatientAlias.objects.filter(pk__in=before["aliases"]).update(patient=source)
    if before["target_conflict_of"] != target.conflict_of_id:
        target.conflict_of_id = before["target_conflict_of"]
        target.save(update_fields=["conflict_of"])
    source.merged_into, source.conflict_of_id = None, before["source_conflict_of"]
    source.save(update_fields=["merged_into", "conflict_of"])
    Patient.objects.filter(pk__in=before["conflicts"]).update(conflict_of=source)
    Study.objects.filter(pk__in=[study.pk for study in studies]).update(patient=source)
    restored = attributes_of(PATIENT, row_values(PATIENT, source))
    forget_in_studies(correction, studies, restored, identity_of(target))
    return [study.pk for study in studies]


def _undo_study_edit(asker: Asker, correction: Correction) -> list[int]:
    study = locked_study(asker, correction.study_instance_uid)
    values = correction.before["values"]
    write_study(study, values)
    forget_in_studies(correction, [study], attributes_of(STUDY, values))
    return [study.pk]


def _undo_study_move(asker: Asker, correction: Correction) -> list[int]:
    patient = _locked_patient(correction.before["patient"])
    study = locked_study(asker, correction.study_instance_uid)
    said = identity_of(study.patient)
    values = correction.before["values"]
    of_study = {keyword: value for keyword, value in values.items() if not _is_patients(keyword)}
    of_patient = {keyword: value for keyword, value in values.items() if _is_patients(keyword)}
    study.patient = patient
    study.save(update_fields=["patient", "updated_at"])
    if of_study:
        write_study(study, of_study)
    restored = attributes_of(STUDY, of_study) | attributes_of(PATIENT, of_patient)
    forget_in_studies(correction, [study], restored, said)
    return [study.pk]


def _undo_project_move(asker: Asker, correction: Correction) -> list[int]:
    study = locked_study(asker, correction.study_instance_uid)
    former = Project.objects.filter(pk__in=correction.before["projects"])
    if not former.exists():
        raise StateConflictError(gettext("The project is gone."), code="project-gone")
    # It is a move all the same: nobody puts a study where they have no say.
    require_administered_projects(asker, former)
    if not study.is_deidentified and former.filter(is_deidentified=True).exists():
        raise NotAllowedError(
            gettext("A project of de-identified studies takes in copies, no originals.")
        )
    study.projects.set(former)
    return [study.pk]


def _undo_series_edit(asker: Asker, correction: Correction) -> list[int]:
    study = locked_study(asker, correction.study_instance_uid)
    rows = Series.objects.select_for_update(no_key=True).filter(pk__in=correction.subject["series"])
    series = rows.filter(study=study).first()
    if series is None:
        raise StateConflictError(
            gettext("The series is in another study now."), code="series-moved"
        )
    values = correction.before["values"]
    write_series(study, series, values)
    forget_in_series(correction, [series], attributes_of(SERIES, values))
    return [study.pk]


def _undo_series_move(asker: Asker, correction: Correction) -> list[int]:
    keys = [correction.before["study"], correction.after["study"]]
    source, target = _locked_pair(asker, *keys)
    rows = [
        row
        for row in Series.objects.select_for_update(no_key=True).filter(study=target).order_by("pk")
        if holds(row.corrected, correction)
    ]
    require_nothing_removed(rows)
    source.corrected = [one for one in source.corrected if not holds([one], correction)]
    source.withheld = Study.Withheld.NOT
    source.save(update_fields=["corrected", "withheld", "updated_at"])
    take_to(rows, target, source)
    forget_in_series(correction, rows, path_attributes(source))
    Study.objects.filter(pk=target.pk).update(is_deidentified=correction.before["is_deidentified"])
    _drop_if_empty(target, correction)
    return keys


def _locked_pair(asker: Asker, source_key: int, target_key: int) -> tuple[Study, Study]:
    """Lock both studies of a move; the emptied one is seen by nobody, and is the asker's still."""
    uids = dict(
        Study.objects.filter(pk__in=[source_key, target_key]).values_list(
            "pk", "study_instance_uid"
        )
    )
    if len(uids) < 2:
        raise StateConflictError(gettext("One of the studies is gone."), code="study-gone")
    rows = Study.objects.select_for_update(no_key=True).prefetch_related("patient")
    locked = {row.pk: row for row in rows.filter(pk__in=uids).order_by("study_instance_uid")}
    locked_studies(asker, [uids[target_key]])
    require_administered(asker, uids)
    return locked[source_key], locked[target_key]


def _drop_if_empty(study: Study, correction: Correction) -> None:
    if correction.kind != _Kind.STUDY_SPLIT or Series.objects.filter(study=study).exists():
        return
    try:
        with transaction.atomic():
            Study.objects.filter(pk=study.pk).delete()
    except ProtectedError:
        Study.objects.filter(pk=study.pk).update(withheld=Study.Withheld.DELETED)


def _locked_patient(key: int | None) -> Patient:
    row: Patient | None = Patient.objects.select_for_update(no_key=True).filter(pk=key).first()
    if row is None:
        raise StateConflictError(gettext("The patient is gone."), code="patient-gone")
    return row


def _is_patients(keyword: str) -> bool:
    return keyword.startswith(("Patient", "IssuerOfPatient"))


_UNDO: dict[str, Callable[[Asker, Correction], Iterable[int]]] = {
    _Kind.PATIENT_EDIT: _undo_patient_edit,
    _Kind.PATIENT_MERGE: _undo_merge,
    _Kind.STUDY_EDIT: _undo_study_edit,
    _Kind.STUDY_MOVE: _undo_study_move,
    _Kind.RECONCILE: _undo_study_move,
    _Kind.PROJECT_MOVE: _undo_project_move,
    _Kind.SERIES_EDIT: _undo_series_edit,
    _Kind.SERIES_MOVE: _undo_series_move,
    _Kind.STUDY_SPLIT: _undo_series_move,
}
