"""What a workitem must hold when it is made, changed and ended (PS3.4 table CC.2.5-3)."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from archive.dicom.moments import moment_span
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from inference.workitems.elements import element, items_of, text_of
from inference.workitems.errors import FinalStateError
from inference.workitems.tags import (
    CLASS_UID,
    INPUT,
    LABEL,
    MODIFIED,
    OUTPUT,
    PERFORMED,
    PRIORITY,
    PROGRESS,
    READINESS,
    REQUESTS,
    START,
    STATE,
    STATIONS,
    STUDY_UID,
    TRANSACTION_UID,
    UID,
    UPS_PUSH,
    WORKLIST_LABEL,
)

if TYPE_CHECKING:
    from inference.models import Workitem
    from inference.workitems.elements import JsonObject

DEFAULT_WORKLIST = "TWINSIGHT"
_PRIORITIES = ("HIGH", "MEDIUM", "LOW")
_READINESS = ("READY", "UNAVAILABLE", "INCOMPLETE")
_REQUIRED = {
    PRIORITY: "Scheduled Procedure Step Priority",
    LABEL: "Procedure Step Label",
    START: "Scheduled Procedure Step Start DateTime",
    READINESS: "Input Readiness State",
}
# Who it is about and who asked for it are said once (N-SET: not allowed).
_FIXED = (
    CLASS_UID,
    UID,
    TRANSACTION_UID,
    STATE,
    MODIFIED,
    "00100010",
    "00100020",
    "00100021",
    "00100030",
    "00100040",
    REQUESTS,
)
_PERFORMED = {
    "00404028": "Performed Station Name Code Sequence",
    "00404019": "Performed Workitem Code Sequence",
    "00404050": "Performed Procedure Step Start DateTime",
    "00404051": "Performed Procedure Step End DateTime",
}


def new_content(ds: JsonObject, now: str) -> tuple[JsonObject, bool]:
    """Return what is kept of a workitem to be made, and whether something was put right.

    Raises
    ------
    InvalidRequestError
        Something that it must say is missing, or it is not to be done.
    """
    if text_of(ds, STATE) != "SCHEDULED":
        raise InvalidRequestError(
            "Procedure Step State (0074,1000) of a new workitem is SCHEDULED.",
            code="workitem-not-scheduled",
        )
    for tag, name in _REQUIRED.items():
        if not text_of(ds, tag):
            raise InvalidRequestError(f"{name} ({tag[:4]},{tag[4:]}) is missing.")
    if text_of(ds, TRANSACTION_UID):
        raise InvalidRequestError("A new workitem has no Transaction UID (0008,1195).")
    for tag in (PROGRESS, PERFORMED):
        if items_of(ds, tag):
            raise InvalidRequestError(f"({tag[:4]},{tag[4:]}) of a new workitem is empty.")
    if text_of(ds, CLASS_UID) not in {"", UPS_PUSH}:
        raise InvalidRequestError("SOP Class UID (0008,0016) is that of UPS Push.")
    _check_values(ds)
    kept = {tag: one for tag, one in ds.items() if tag not in {CLASS_UID, UID, STATE}}
    kept.pop(TRANSACTION_UID, None)
    is_changed = False
    if not text_of(kept, WORKLIST_LABEL):
        kept[WORKLIST_LABEL] = element("LO", DEFAULT_WORKLIST)
        is_changed = True
    kept[MODIFIED] = element("DT", now)
    kept.setdefault(PROGRESS, {"vr": "SQ"})
    kept.setdefault(PERFORMED, {"vr": "SQ"})
    return kept, is_changed


def changed_content(kept: JsonObject, changes: JsonObject, now: str) -> JsonObject:
    """Return what a workitem holds after a change; a sequence is replaced as a whole.

    Raises
    ------
    InvalidRequestError
        What is changed may not be, or its value can't be one.
    """
    for tag in _FIXED:
        if tag in changes and changes[tag] != kept.get(tag):
            raise InvalidRequestError(f"({tag[:4]},{tag[4:]}) is not changed by an update.")
    for tag, name in _REQUIRED.items():
        if tag in changes and not text_of(changes, tag):
            raise InvalidRequestError(f"{name} ({tag[:4]},{tag[4:]}) can't be empty.")
    _check_values(changes)
    said = {**kept, **{tag: one for tag, one in changes.items() if tag not in _FIXED}}
    said[MODIFIED] = element("DT", now)
    return said


def require_final(ds: JsonObject) -> None:
    """Raise FinalStateError unless it says by whom, when and with what result it was done.

    References
    ----------
    DICOM PS3.4 section CC.2.1.3, final state requirements (P)
    """
    items = items_of(ds, PERFORMED)
    if not items:
        raise FinalStateError(
            "Unified Procedure Step Performed Procedure Sequence (0074,1216) is empty."
        )
    for tag, name in _PERFORMED.items():
        if not (items[0].get(tag) or {}).get("Value"):
            raise FinalStateError(f"{name} ({tag[:4]},{tag[4:]}) is missing.")
    if OUTPUT not in items[0]:
        raise FinalStateError("Output Information Sequence (0040,4033) is missing.")


def write_columns(row: Workitem) -> None:
    """Copy what is searched by from a workitem's content into its columns."""
    ds = row.attributes
    row.priority = text_of(ds, PRIORITY)[:8]
    row.procedure_step_label = text_of(ds, LABEL)[:64]
    row.worklist_label = text_of(ds, WORKLIST_LABEL)[:64]
    row.scheduled_start = _moment(text_of(ds, START))
    row.dicom_patient_id = text_of(ds, "00100020")[:64]
    row.patient_name = text_of(ds, "00100010")[:324]
    row.accession_number = text_of(ds, REQUESTS, "00080050")[:64]
    row.study_instance_uid = named_study(ds)[:64]
    row.station_code = text_of(ds, STATIONS, "00080100")[:64]


def named_study(ds: JsonObject) -> str:
    """Return the Study Instance UID that a workitem names, wherever it does."""
    places = ((STUDY_UID,), (INPUT, STUDY_UID), (REQUESTS, STUDY_UID))
    return next((uid for place in places if (uid := text_of(ds, *place))), "")


def _check_values(ds: JsonObject) -> None:
    for tag, words in ((PRIORITY, _PRIORITIES), (READINESS, _READINESS)):
        value = text_of(ds, tag)
        if value and value not in words:
            raise InvalidRequestError(f"({tag[:4]},{tag[4:]}) is one of {', '.join(words)}.")
    start = text_of(ds, START)
    if start:
        try:
            moment_span(start)
        except ValueError as error:
            raise InvalidRequestError(f"(0040,4005): {error}") from error
    study_uid = named_study(ds)
    if study_uid and not is_valid_uid(study_uid):
        raise InvalidRequestError("Study Instance UID (0020,000D) is no UID.")


def _moment(text: str) -> datetime.datetime | None:
    if not text:
        return None
    digits = moment_span(text)[0]
    padded = digits[:4] + (digits[4:6].replace("00", "01") or "01") + digits[6:]
    day = padded[6:8] if padded[6:8] != "00" else "01"
    whole = padded[:6] + day + padded[8:14]
    return datetime.datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
