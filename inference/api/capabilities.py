"""What the worklist offers, for the capabilities of the DICOMweb service (PS3.18 11, 8.9)."""

from __future__ import annotations

from archive.dicomweb.capabilities import Operation, Resource, register_resources

_XML = "application/dicom+xml"
_JSON = ("application/dicom+json", "application/json")
_BODY = (*_JSON, _XML)
# Any attribute of a workitem is a key, at any depth; these are what performers look for.
_KEYS = (
    "SOPInstanceUID",
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ScheduledProcedureStepStartDateTime",
    "ProcedureStepLabel",
    "WorklistLabel",
    "InputReadinessState",
    "ScheduledStationNameCodeSequence.CodeValue",
    "ScheduledWorkitemCodeSequence.CodeValue",
    "PatientName",
    "PatientID",
    "StudyInstanceUID",
    "AccessionNumber",
)
ONE = "workitems/{uid}"
SUBSCRIBER = f"{ONE}/subscribers/{{ae_title}}"
RESOURCES = (
    Resource(
        "workitems",
        (
            Operation(
                "GET",
                "SearchForUPS",
                (200, 204, 400, 406),
                (*_JSON, f'multipart/related; type="{_XML}"'),
                (),
                ("limit", "offset", "includefield", "fuzzymatching", "accept", *_KEYS),
            ),
            Operation(
                "POST",
                "CreateUPS",
                (201, 400, 403, 409, 413, 415),
                (),
                _BODY,
                ("workitem",),
            ),
        ),
    ),
    Resource(
        ONE,
        (
            Operation("GET", "RetrieveUPS", (200, 404, 406), _BODY, (), ("accept",)),
            Operation(
                "POST",
                "UpdateUPS",
                (200, 400, 403, 404, 409, 413, 415),
                (),
                _BODY,
                ("transaction-uid", "transaction"),
            ),
        ),
    ),
    Resource(
        f"{ONE}/state",
        (Operation("PUT", "ChangeUPSState", (200, 400, 403, 404, 409), (), _BODY),),
    ),
    Resource(
        f"{ONE}/cancelrequest",
        (Operation("POST", "RequestUPSCancellation", (202, 400, 403, 404, 409), (), _BODY),),
    ),
    Resource(
        SUBSCRIBER,
        (
            Operation(
                "POST",
                "CreateSubscription",
                (201, 400, 403, 404),
                (),
                (),
                ("deletionlock", "filter"),
            ),
            Operation("DELETE", "DeleteSubscription", (200, 403, 404)),
        ),
    ),
    Resource(
        f"{SUBSCRIBER}/suspend",
        (Operation("POST", "SuspendGlobalSubscription", (200, 400, 403, 404)),),
    ),
    Resource(
        "subscribers/{ae_title}",
        (Operation("GET", "OpenEventChannel", (101, 400, 401, 403, 426, 501)),),
    ),
)


def tell_of_workitems() -> None:
    """Add the worklist to what is told of the service."""
    register_resources(RESOURCES)
