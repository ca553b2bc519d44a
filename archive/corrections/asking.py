"""Corrections as a program asks for them: a kind and its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from archive.corrections.patients import edit_patient, merge_patients
from archive.corrections.reconciling import reconcile_study
from archive.corrections.series import edit_series, move_series, split_study
from archive.corrections.studies import (
    edit_study,
    move_studies_to_project,
    move_study_to_patient,
)
from archive.errors import InvalidRequestError
from archive.models import Correction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archive.audit.types import Asker

_Kind = Correction.Kind
_FIELDS: dict[str, dict[str, str]] = {
    _Kind.PATIENT_EDIT: {"patient": "patient_id", "values": "values"},
    _Kind.PATIENT_MERGE: {"patient": "source_id", "target_patient": "target_id"},
    _Kind.STUDY_EDIT: {"study_uid": "study_uid", "values": "values"},
    _Kind.STUDY_MOVE: {"study_uid": "study_uid", "target_patient": "patient_id"},
    _Kind.RECONCILE: {"study_uid": "study_uid", "step": "step_id"},
    _Kind.SERIES_MOVE: {
        "study_uid": "study_uid",
        "series_uids": "series_uids",
        "target_study_uid": "target_uid",
    },
    _Kind.STUDY_SPLIT: {"study_uid": "study_uid", "series_uids": "series_uids"},
    _Kind.SERIES_EDIT: {
        "study_uid": "study_uid",
        "series_uids": "series_uid",
        "values": "values",
    },
    _Kind.PROJECT_MOVE: {"study_uid": "study_uids", "project": "project"},
}
_SERVICES: dict[str, Callable[..., Any]] = {
    _Kind.PATIENT_EDIT: edit_patient,
    _Kind.PATIENT_MERGE: merge_patients,
    _Kind.STUDY_EDIT: edit_study,
    _Kind.STUDY_MOVE: move_study_to_patient,
    _Kind.RECONCILE: reconcile_study,
    _Kind.SERIES_MOVE: move_series,
    _Kind.STUDY_SPLIT: split_study,
    _Kind.SERIES_EDIT: edit_series,
    _Kind.PROJECT_MOVE: move_studies_to_project,
}
KINDS = frozenset(str(kind) for kind in _SERVICES)


def make_correction(*, asker: Asker, said: Mapping[str, Any]) -> Correction:
    """Make the correction that a request describes; errors as of its service.

    Parameters
    ----------
    asker
        who asks
    said
        ``kind``, ``reason``, and the fields of the kind

    Raises
    ------
    InvalidRequestError
        A field of the kind is missing, or nothing changes.
    """
    kind = said["kind"]
    given: dict[str, Any] = {"asker": asker, "reason": said["reason"]}
    for name, argument in _FIELDS[kind].items():
        if said.get(name) in (None, "", [], {}):
            raise InvalidRequestError(f"{kind} needs {name}.", code="field-missing")
        given[argument] = said[name]
    if kind == _Kind.SERIES_EDIT:
        if len(said["series_uids"]) != 1:
            raise InvalidRequestError(
                gettext("series-edit takes one series."), code="field-missing"
            )
        (given["series_uid"],) = said["series_uids"]
    if kind == _Kind.PROJECT_MOVE:
        given |= {"study_uids": [said["study_uid"]], "is_copy": said.get("keep_projects", False)}
    made = _SERVICES[kind](**given)
    corrections: list[Correction] = made if isinstance(made, list) else [made]
    if not corrections:
        raise InvalidRequestError(gettext("Nothing is changed."), code="nothing-changed")
    return corrections[0]
