"""What was corrected, and what may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q

from archive.access.selectors import is_radiology_admin
from archive.corrections.fields import FIELDS, PATIENT, SERIES, STUDY, row_values
from archive.corrections.finding import administered_projects
from archive.corrections.types import Change, CorrectionRow
from archive.curation.removals import may_remove
from archive.dicom.charsets import fold_text
from archive.dicom.uids import is_valid_uid
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Correction, Patient, ScheduledStep, Series, Study
from archive.scheduling.selectors import OPEN_STATES, list_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.paginator import Page
    from django.db.models import QuerySet

    from archive.models import Project
    from archive.models.querysets import AnyUser

PAGE_SIZE = 50
_LABELS = {key: field.label for fields in FIELDS.values() for key, field in fields.items()}
_LABELS["StudyInstanceUID"] = "Study Instance UID"
_NEAR = timedelta(days=3)


@dataclass(frozen=True)
class Correctable:
    """A study as its correction page shows it."""

    study: Study
    patient: Patient
    patient_values: dict[str, str]
    study_values: dict[str, str]
    series: tuple[tuple[Series, dict[str, str]], ...]
    aliases: tuple[str, ...]
    number_of_studies: int
    projects: tuple[Project, ...]
    other_projects: tuple[Project, ...]


def administered_corrections(user: AnyUser) -> QuerySet[Correction]:
    """Select corrections of what lies in projects of which the user is a radiology admin.

    Parameters
    ----------
    user
        the asker; anyone else sees none
    """
    links = Study.projects.through.objects.filter(
        project_id__in=administered_projects(user).values("pk")
    )
    theirs = Study.objects.filter(Exists(links.filter(study_id=OuterRef("pk"))))
    of_study = theirs.filter(study_instance_uid=OuterRef("study_instance_uid"))
    of_patient = theirs.filter(patient_id=OuterRef("patient_id"))
    return Correction.objects.filter(
        (~Q(study_instance_uid="") & Exists(of_study))
        | (Q(patient_id__isnull=False) & Exists(of_patient))
    ).order_by("-pk")


def correction_page(
    user: AnyUser, number: object, *, study_uid: str = "", patient: int = 0
) -> Page[CorrectionRow]:
    """Return a page of corrections, newest first.

    Parameters
    ----------
    user
        a radiology admin; others see none
    number
        of the page, from 1; what is none gives the first
    study_uid, patient
        of the one study to show, and key of its patient
    """
    rows = administered_corrections(user).select_related("made_by", "undone_by", "patient")
    if study_uid:
        rows = rows.filter(Q(study_instance_uid=study_uid) | Q(patient=patient or None))
    page: Any = Paginator(rows, PAGE_SIZE).get_page(number)  # type: ignore[arg-type]
    page.object_list = correction_rows(user, page.object_list)
    found: Page[CorrectionRow] = page
    return found


def corrections_between(
    user: AnyUser, offset: int, limit: int, *, study_uid: str = ""
) -> tuple[int, list[CorrectionRow]]:
    """Return how many corrections there are, and those of a window, newest first."""
    rows = administered_corrections(user).select_related("made_by", "undone_by", "patient")
    if study_uid:
        rows = rows.filter(study_instance_uid=study_uid)
    return rows.count(), correction_rows(user, list(rows[offset : offset + limit]))


def correction_rows(user: AnyUser, corrections: Sequence[Correction]) -> list[CorrectionRow]:
    """Return corrections with what they changed, and whose they are inside the user's rights."""
    uids = {one.study_instance_uid for one in corrections if one.study_instance_uid}
    seen = Study.objects.visible_to(user).filter(study_instance_uid__in=uids)
    names = dict(seen.values_list("study_instance_uid", "patient__patient_name"))
    return [
        CorrectionRow(
            correction=one,
            changes=_changes(one),
            study_uid=one.study_instance_uid if one.study_instance_uid in names else "",
            patient_name=one.patient.patient_name
            if one.patient
            else names.get(one.study_instance_uid, ""),
            is_undoable=one.undone_at is None,
        )
        for one in corrections
    ]


def find_correction(user: AnyUser, key: int) -> CorrectionRow:
    """Return one correction.

    Raises
    ------
    NotVisibleError
        There is none, or not for this user.
    """
    rows = administered_corrections(user).select_related("made_by", "undone_by", "patient")
    found = rows.filter(pk=key).first()
    if found is None:
        raise NotVisibleError("There is no such correction.")
    return correction_rows(user, [found])[0]


def is_correctable(user: AnyUser, study_uid: str) -> bool:
    """Whether the user sees the study and may correct it."""
    if not is_radiology_admin(user):
        return False
    study = Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    return study is not None and may_remove(user, study)


def correctable_study(user: AnyUser, study_uid: str) -> Correctable:
    """Return a study with all that may be corrected of it.

    Raises
    ------
    NotVisibleError
        It is not there, or not for this user.
    NotAllowedError
        They may see it and not correct it.
    """
    study = None
    if is_valid_uid(study_uid):
        rows = Study.objects.visible_to(user).select_related("patient")
        study = rows.filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study.")
    if not may_remove(user, study):
        message = "Only a radiology admin of all its projects may correct this."
        raise NotAllowedError(message)
    patient = study.patient
    series = Series.objects.visible_to(user).filter(study=study)
    projects = tuple(study.projects.order_by("name"))
    others = administered_projects(user).exclude(pk__in=[project.pk for project in projects])
    aliases = patient.aliases.filter(is_active=True).values_list("dicom_patient_id", flat=True)
    return Correctable(
        study=study,
        patient=patient,
        patient_values=row_values(PATIENT, patient),
        study_values=row_values(STUDY, study),
        series=tuple((one, row_values(SERIES, one)) for one in series),
        aliases=tuple(aliases),
        number_of_studies=Study.objects.visible_to(user).filter(patient=patient).count(),
        projects=projects,
        other_projects=tuple(others.filter(is_deidentified=False).order_by("name")),
    )


def search_patients(user: AnyUser, text: str, *, but: int = 0, limit: int = 20) -> list[Patient]:
    """Find patients by the beginning of an ID or a name.

    Parameters
    ----------
    user
        the asker
    text
        at least two characters
    but
        key of the one to leave out
    limit
        how many at most
    """
    text = text.strip()[:64]
    if len(text) < 2 or not text.isprintable():
        return []
    wanted = Q(dicom_patient_id__startswith=text)
    folded = fold_text(text)
    if folded:
        wanted |= Q(patient_name_search__startswith=folded)
    rows = Patient.objects.visible_to(user).filter(wanted, merged_into__isnull=True)
    return list(rows.exclude(pk=but).order_by("patient_name_search", "pk")[:limit])


def search_studies(user: AnyUser, text: str, *, patient: Patient, but: int) -> list[Study]:
    """Return studies that series may be moved to: the patient's, or by UID or accession number."""
    rows = Study.objects.visible_to(user).select_related("patient").exclude(pk=but)
    text = text.strip()[:64]
    if text and text.isprintable():
        rows = rows.filter(Q(study_instance_uid=text) | Q(accession_number=text))
    else:
        rows = rows.filter(patient=patient)
    return list(rows.order_by("-study_date", "-pk")[:20])


def step_suggestions(user: AnyUser, study: Study) -> list[ScheduledStep]:
    """Return the orders that a study may have been made for, the likeliest first.

    Parameters
    ----------
    user
        the asker, who sees the orders
    study
        inside their rights
    """
    day = study.study_date or study.created_at.date()
    rows = list_steps(user, first_day=day - _NEAR, last_day=day + _NEAR)
    found = list(rows[:200])

    def distance(step: ScheduledStep) -> tuple[int, int, int, int]:
        same_id = step.dicom_patient_id == study.patient.dicom_patient_id
        same_name = step.patient_name_search == study.patient.patient_name_search
        return (
            -int(step.accession_number != "" and step.accession_number == study.accession_number),
            -int(same_id) - int(same_name),
            -int(step.modality in study.modalities_in_study),
            abs((step.scheduled_date - day).days),
        )

    return sorted(found, key=distance)[:12]


def unmatched_studies(user: AnyUser, *, limit: int = 100) -> list[Study]:
    """Return studies of which no order says whose they are: without accession number or ID.

    Parameters
    ----------
    user
        a radiology admin
    limit
        how many at most, newest first
    """
    links = Study.projects.through.objects.filter(
        project_id__in=administered_projects(user).values("pk"), study_id=OuterRef("pk")
    )
    rows = Study.objects.visible_to(user).filter(Exists(links), withheld="")
    rows = rows.filter(Q(accession_number="") | Q(patient__dicom_patient_id=""))
    return list(rows.select_related("patient").order_by("-created_at")[:limit])


def has_open_steps(user: AnyUser) -> bool:
    """Whether there are orders that something could be matched with."""
    return list_steps(user).filter(state__in=OPEN_STATES).exists()


def _changes(correction: Correction) -> tuple[Change, ...]:
    before, after = correction.before.get("values", {}), correction.after.get("values", {})
    if correction.kind == Correction.Kind.PATIENT_MERGE:
        (former, *_) = correction.before.get("identities") or [{}]
        gone, kept = former.get("dicom_patient_id", ""), after.get("PatientID", "")
        return (Change("Patient ID", gone, kept),)
    return tuple(
        Change(str(_LABELS.get(keyword, keyword)), str(before.get(keyword, "")), str(value))
        for keyword, value in after.items()
        if str(before.get(keyword, "")) != str(value)
    )
