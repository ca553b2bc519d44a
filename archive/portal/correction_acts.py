"""From the forms of a study's correction page to the services; one function a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from archive.corrections.fields import PATIENT, SERIES, STUDY
from archive.corrections.patients import edit_patient, merge_patients
from archive.corrections.reconciling import reconcile_study
from archive.corrections.series import edit_series, move_series, split_study
from archive.corrections.studies import (
    edit_study,
    lift_legal_hold,
    move_studies_to_project,
    move_study_to_patient,
    set_legal_hold,
)
from archive.errors import InvalidRequestError
from archive.portal.correction_forms import given_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import QueryDict

    from archive.audit.types import Asker
    from archive.corrections.selectors import Correctable


@dataclass(frozen=True)
class Said:
    """What was done, and which study's page comes next; None for the list."""

    text: str
    study_uid: str | None


def _reason(form: QueryDict) -> str:
    return str(form.get("reason", ""))


def _uid(found: Correctable) -> str:
    return str(found.study.study_instance_uid)


def _number(form: QueryDict, name: str) -> int:
    text = str(form.get(name, ""))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidRequestError(_("Choose one of the list."), code="nothing-chosen")
    return int(text)


def _patient(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    values = given_values(PATIENT, form)
    edit_patient(asker=asker, patient_id=found.patient.pk, values=values, reason=_reason(form))
    return Said(_("The patient is corrected."), _uid(found))


def _whose(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    other = _number(form, "patient")
    if form.get("merge"):
        merge_patients(
            asker=asker, source_id=found.patient.pk, target_id=other, reason=_reason(form)
        )
        return Said(_("The patients are one."), _uid(found))
    move_study_to_patient(
        asker=asker, study_uid=_uid(found), patient_id=other, reason=_reason(form)
    )
    return Said(_("The study belongs to the other patient now."), _uid(found))


def _study(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    values = given_values(STUDY, form)
    edit_study(asker=asker, study_uid=_uid(found), values=values, reason=_reason(form))
    return Said(_("The study is corrected."), _uid(found))


def _order(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    step = _number(form, "step")
    reconcile_study(asker=asker, study_uid=_uid(found), step_id=step, reason=_reason(form))
    return Said(_("The study is matched with the order."), _uid(found))


def _edit_series(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    edit_series(
        asker=asker,
        study_uid=_uid(found),
        series_uid=str(form.get("edited", "")),
        values=given_values(SERIES, form),
        reason=_reason(form),
    )
    return Said(_("The series is corrected."), _uid(found))


def _move_series(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    chosen = [str(uid) for uid in form.getlist("series")]
    target = str(form.get("target", ""))
    if not chosen or not target:
        raise InvalidRequestError(_("Choose series, and where they go."), code="nothing-chosen")
    if target == "new":
        correction = split_study(
            asker=asker, study_uid=_uid(found), series_uids=chosen, reason=_reason(form)
        )
    else:
        correction = move_series(
            asker=asker,
            study_uid=_uid(found),
            series_uids=chosen,
            target_uid=target,
            reason=_reason(form),
        )
    where = str(correction.after["values"]["StudyInstanceUID"])
    return Said(_("The series are in this study now."), where)


def _project(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    made = move_studies_to_project(
        asker=asker,
        study_uids=[_uid(found)],
        project=str(form.get("project", "")),
        reason=_reason(form),
        is_copy=bool(form.get("copy")),
    )
    if not made:
        return Said(_("The study is in this project already."), _uid(found))
    return Said(_("The project of the study is changed."), _uid(found))


def _hold(asker: Asker, found: Correctable, form: QueryDict) -> Said:
    if form.get("lift"):
        lift_legal_hold(asker=asker, study_uid=_uid(found))
        return Said(_("The legal hold is lifted."), _uid(found))
    set_legal_hold(asker=asker, study_uid=_uid(found), reason=_reason(form))
    return Said(_("The study is under legal hold."), _uid(found))


ACTS: dict[str, Callable[[Asker, Correctable, QueryDict], Said]] = {
    "patient": _patient,
    "whose": _whose,
    "study": _study,
    "order": _order,
    "edit-series": _edit_series,
    "series": _move_series,
    "project": _project,
    "hold": _hold,
}
# Which part of the page an act belongs to, where it is not named like it.
PART_OF = {"edit-series": "series"}
