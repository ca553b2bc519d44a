"""Runs as worklist systems see them: Unified Procedure Steps, to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.dicom.uids import is_valid_uid
from archive.errors import NotVisibleError
from inference.models import Run
from inference.runs.selectors import visible_runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

_UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
_ROOT = "2.25."
_VERSION, _VARIANT = 8 << 12, 2 << 62
_KEY = (1 << 62) - 1
# Procedure Step State (PS3.4 CC.1.1) and the run's states.
_STATES = {
    "SCHEDULED": (Run.State.QUEUED,),
    "IN PROGRESS": (Run.State.RUNNING,),
    "COMPLETED": (Run.State.SUCCEEDED, Run.State.SKIPPED),
    "CANCELED": (Run.State.DEAD, Run.State.CANCELLED),
}
_STEP_STATES: dict[str, str] = {
    str(state): step for step, states in _STATES.items() for state in states
}
_PRIORITIES = {0: "LOW", 5: "MEDIUM", 9: "HIGH"}
_RESULTS = ("seg", "sr", "sr3d", "heatmap")


def workitem_uid(run: Run) -> str:
    """Return the UID of a run as a workitem: its moment and key, as a UUID of version 8."""
    micros = int(run.created_at.timestamp() * 1_000_000)
    high = (micros >> 4) << 16 | _VERSION | (micros & 15) << 8
    return f"{_ROOT}{high << 64 | _VARIANT | run.pk}"


def find_workitem(user: AnyUser, uid: str) -> Run:
    """Return the run of a workitem; NotVisibleError outside the rights."""
    number = uid.removeprefix(_ROOT)
    run: Run | None = None
    if is_valid_uid(uid) and uid.startswith(_ROOT) and number.isdigit():
        run = _rows(user).filter(pk=int(number) & _KEY).first()
    if run is None or workitem_uid(run) != uid:
        raise NotVisibleError("There is no such workitem.")
    return run


def list_workitems(user: AnyUser, *, state: str = "", study_uid: str = "") -> QuerySet[Run]:
    """Return the runs that the user sees, the newest first; an unknown state matches none."""
    rows = _rows(user).filter(is_background=False)
    if state:
        rows = rows.filter(state__in=_STATES.get(state, ()))
    if study_uid:
        rows = rows.filter(study__study_instance_uid=study_uid)
    return rows.order_by("-pk")


def _rows(user: AnyUser) -> QuerySet[Run]:
    return visible_runs(user).select_related("model_version", "series", "study__patient")


def workitem_json(run: Run, *, is_full: bool = False) -> dict[str, Any]:
    """Return a run as DICOM JSON (PS3.18 annex F); a list leaves the images' UIDs out."""
    patient, study = run.study.patient, run.study
    said = {
        "00080005": _element("CS", "ISO_IR 192"),
        "00080016": _element("UI", _UPS_PUSH),
        "00080018": _element("UI", workitem_uid(run)),
        "00100010": _name(patient.patient_name),
        "00100020": _element("LO", patient.dicom_patient_id),
        "00404005": _element("DT", _moment(run.not_before)),
        "00404021": _sequence(_input(run, is_full=is_full)),
        "00404041": _element("CS", "READY"),
        "00741000": _element("CS", _STEP_STATES[run.state]),
        "00741002": _sequence({"00741006": _element("ST", run.message)}),
        "00741200": _element("CS", _PRIORITIES.get(run.priority, "LOW")),
        "00741204": _element("LO", str(run.model_version)[:64]),
        "0020000D": _element("UI", study.study_instance_uid),
    }
    if run.started_at is not None:
        said["00741216"] = _sequence(_performed(run))
    return dict(sorted(said.items()))


def _input(run: Run, *, is_full: bool) -> dict[str, Any]:
    """Input Information Sequence (PS3.3 C.30.2): the series, and its images once it began."""
    item = {
        "0020000D": _element("UI", run.study.study_instance_uid),
        "0020000E": _element("UI", run.series.series_instance_uid),
        "0040E020": _element("CS", "DICOM"),
    }
    if is_full and run.inputs:
        classes = dict(run.series.instances.values_list("sop_instance_uid", "sop_class_uid"))
        images = [_reference(uid, classes.get(uid, "")) for uid in run.inputs]
        item["00081199"] = {"vr": "SQ", "Value": images}
    return item


def _performed(run: Run) -> dict[str, Any]:
    """UPS Performed Procedure Sequence (PS3.3 C.30.3)."""
    item = {
        "00404050": _element("DT", _moment(run.started_at)),
        "00404051": _element("DT", _moment(run.finished_at)),
    }
    stored = [run.outputs[key] for key in _RESULTS if run.outputs.get(key)]
    if stored:
        output = {"00081199": {"vr": "SQ", "Value": [_reference(uid, "") for uid in stored]}}
        output["0020000D"] = _element("UI", run.study.study_instance_uid)
        item["00404033"] = _sequence(output)
    return item


def _reference(uid: str, sop_class: str) -> dict[str, Any]:
    return {"00081150": _element("UI", sop_class), "00081155": _element("UI", uid)}


def _element(vr: str, value: str) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]} if value else {"vr": vr}


def _name(value: str) -> dict[str, Any]:
    parts = zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False)
    groups = {kind: text for kind, text in parts if text}
    return {"vr": "PN", "Value": [groups]} if groups else {"vr": "PN"}


def _sequence(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": [dict(sorted(item.items()))]}


def _moment(value: datetime | None) -> str:
    return value.strftime("%Y%m%d%H%M%S.%f%z") if value else ""
