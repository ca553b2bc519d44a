"""Which instances a C-GET or C-MOVE names, inside the asker's rights (PS3.4 C.4.2, C.4.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Q

from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from archive.models import Instance, Patient, PatientAlias

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

_UID_COLUMNS = {
    "StudyInstanceUID": "series__study__study_instance_uid",
    "SeriesInstanceUID": "series__series_instance_uid",
    "SOPInstanceUID": "sop_instance_uid",
}
_UNIQUE_KEYS = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}


@dataclass(frozen=True)
class Requested:
    """What a retrieval names: a level, and values of the unique keys down to it."""

    level: str
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)


def requested_instances(user: AnyUser, requested: Requested) -> list[Instance]:
    """Return the instances that a retrieval names.

    What a note or a person rejected is left out where only its study or patient is named.

    Parameters
    ----------
    user
        the asker
    requested
        level and keys

    Returns
    -------
    instances with blob, series and study loaded, by series and instance number; none where
    nothing is there, or nothing for this user

    Raises
    ------
    InvalidRequestError
        The level is unknown, its unique key is missing, or a UID is none.
    """
    unique_key = _UNIQUE_KEYS.get(requested.level)
    if unique_key is None:
        raise InvalidRequestError("The Query/Retrieve Level is none of the model's.")
    if not any(requested.values.get(unique_key, ())):
        raise InvalidRequestError(f"{unique_key} is missing.")
    rows = Instance.objects.visible_to(user)
    for keyword, column in _UID_COLUMNS.items():
        uids = [uid for uid in requested.values.get(keyword, ()) if uid]
        if not all(is_valid_uid(uid) for uid in uids):
            raise InvalidRequestError(f"{keyword} holds what is no UID.")
        if uids:
            rows = rows.filter(**{f"{column}__in": uids})
    patient_ids = [value for value in requested.values.get("PatientID", ()) if value]
    if patient_ids:
        # An ID that a merge or a correction took away finds the patient who had it.
        former = PatientAlias.objects.filter(dicom_patient_id__in=patient_ids, is_active=True)
        patients = Patient.objects.filter(
            Q(dicom_patient_id__in=patient_ids) | Q(pk__in=former.values("patient_id"))
        )
        rows = rows.filter(series__study__patient__in=patients)
    if requested.level in {"PATIENT", "STUDY"}:
        rows = rows.filter(series__withheld="")
    if requested.level != "IMAGE":
        rows = rows.filter(withheld="")
    return list(
        rows.select_related("blob", "series__study").order_by(
            "series__study_id", "series__series_number", "series_id", "instance_number", "pk"
        )
    )
