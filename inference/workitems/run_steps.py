"""Runs as Unified Procedure Steps: what a worklist system reads of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from archive.dicom.uids import is_valid_uid
from inference.bundles.external import EXTERNAL
from inference.models import Run
from inference.workitems.elements import element, moment_text, name_element, sequence
from inference.workitems.tags import (
    CLASS_UID,
    INPUT,
    PERFORMED,
    PRIORITY,
    PROGRESS,
    STATE,
    STUDY_UID,
    UID,
    UPS_PUSH,
)

_ROOT = "2.25."
_VERSION, _VARIANT = 8 << 12, 2 << 62
_KEY = (1 << 62) - 1
# Procedure Step State (PS3.4 CC.1.1) and the run's states.
RUN_STATES = {
    "SCHEDULED": (Run.State.QUEUED,),
    "IN PROGRESS": (Run.State.RUNNING,),
    "COMPLETED": (Run.State.SUCCEEDED, Run.State.SKIPPED),
    "CANCELED": (Run.State.DEAD, Run.State.CANCELLED),
}
_STEP_STATES: dict[str, str] = {
    str(state): step for step, states in RUN_STATES.items() for state in states
}
PRIORITIES = {0: "LOW", 5: "MEDIUM", 9: "HIGH"}
RUN_PRIORITIES = {word: number for number, word in PRIORITIES.items()}
_RESULTS = ("seg", "sr", "sr3d", "heatmap")
# More objects of somebody outside.
_OBJECT = "object-"

if TYPE_CHECKING:
    from inference.models import Workitem


def workitem_uid(run: Run) -> str:
    """Return the UID of a run as a workitem: its moment and key, as a UUID of version 8."""
    micros = int(run.created_at.timestamp() * 1_000_000)
    high = (micros >> 4) << 16 | _VERSION | (micros & 15) << 8
    return f"{_ROOT}{high << 64 | _VARIANT | run.pk}"


def run_key(uid: str) -> int | None:
    """Return the key of the run that a workitem's UID may name."""
    number = uid.removeprefix(_ROOT)
    if is_valid_uid(uid) and uid.startswith(_ROOT) and number.isdigit():
        return int(number) & _KEY
    return None


def is_run(uid: str) -> bool:
    """Whether a UID is that of a run's workitem, whoever sees it."""
    key = run_key(uid)
    run = Run.objects.filter(pk=key).first() if key is not None else None
    return run is not None and workitem_uid(run) == uid


def step_state(run: Run) -> str:
    """Return a run's state in the worklist's words."""
    return _STEP_STATES[run.state]


# Runs that somebody outside performs.
EXTERNAL_RUNS = Q(model_version__pipeline=EXTERNAL)


def is_external(run: Run) -> bool:
    """Whether somebody outside performs it."""
    return bool(run.model_version.pipeline == EXTERNAL)


def run_json(run: Run, row: Workitem | None = None, *, is_full: bool = False) -> dict[str, Any]:
    """Return a run as DICOM JSON (PS3.18 F); a list leaves the images' UIDs out.

    Parameters
    ----------
    run
        with its version, series and study's patient
    row
        what an outside performer said of it
    is_full
        whether with the images it is about
    """
    patient, study = run.study.patient, run.study
    said = {
        "00080005": element("CS", "ISO_IR 192"),
        CLASS_UID: element("UI", UPS_PUSH),
        UID: element("UI", workitem_uid(run)),
        "00080050": element("SH", study.accession_number[:16]),
        "00100010": name_element(patient.patient_name),
        "00100020": element("LO", patient.dicom_patient_id),
        "00100030": element("DA", _day(patient.patient_birth_date)),
        "00100040": element("CS", patient.patient_sex),
        "00404005": element("DT", moment_text(run.not_before)),
        "00404010": element("DT", moment_text(run.created_at)),
        "00404018": sequence(_code(run.model_version.name, "99TWINSIGHT", str(run.model_version))),
        INPUT: sequence(_input(run, is_full=is_full)),
        "00404041": element("CS", "READY"),
        STATE: element("CS", step_state(run)),
        PROGRESS: sequence({"00741006": element("ST", run.message)}),
        PRIORITY: element("CS", PRIORITIES.get(run.priority, "LOW")),
        "00741202": element("LO", "AI"),
        "00741204": element("LO", str(run.model_version)[:64]),
        PERFORMED: {"vr": "SQ"},
        STUDY_UID: element("UI", study.study_instance_uid),
    }
    station = run.model_version.config.get("station")
    if station:
        said["00404025"] = sequence(_code(station, "99TWINSIGHT", station))
    if run.started_at is not None:
        said[PERFORMED] = sequence(_performed(run))
    if row is not None:
        said |= row.attributes
    return dict(sorted(said.items()))


def _input(run: Run, *, is_full: bool) -> dict[str, Any]:
    """Input Information Sequence (PS3.3 C.30.2): the series, and its images once it began."""
    item = {
        STUDY_UID: element("UI", run.study.study_instance_uid),
        "0020000E": element("UI", run.series.series_instance_uid),
        "0040E020": element("CS", "DICOM"),
    }
    if is_full and run.inputs:
        classes = dict(run.series.instances.values_list("sop_instance_uid", "sop_class_uid"))
        images = [_reference(uid, classes.get(uid, "")) for uid in run.inputs]
        item["00081199"] = {"vr": "SQ", "Value": images}
    return item


def _performed(run: Run) -> dict[str, Any]:
    """UPS Performed Procedure Sequence (PS3.3 C.30.3)."""
    item = {
        "00404050": element("DT", moment_text(run.started_at)),
        "00404051": element("DT", moment_text(run.finished_at)),
    }
    stored = [uid for key, uid in run.outputs.items() if _is_result(key) and uid]
    if stored:
        output = {"00081199": {"vr": "SQ", "Value": [_reference(uid, "") for uid in stored]}}
        output[STUDY_UID] = element("UI", run.study.study_instance_uid)
        item["00404033"] = sequence(output)
    return item


def _is_result(key: str) -> bool:
    return key in _RESULTS or key.startswith(_OBJECT)


def _reference(uid: str, sop_class: str) -> dict[str, Any]:
    return {"00081150": element("UI", sop_class), "00081155": element("UI", uid)}


def _code(value: str, scheme: str, meaning: str) -> dict[str, Any]:
    return {
        "00080100": element("SH", value[:16]),
        "00080102": element("SH", scheme),
        "00080104": element("LO", meaning[:64]),
    }


def _day(value: Any) -> str:
    return str(value.isoformat()).replace("-", "") if value else ""
