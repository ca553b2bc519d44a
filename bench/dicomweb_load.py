"""The load on DICOMweb: store, search, retrieve."""

import json
import random
from collections.abc import Callable

from bench.clients import Answer, Measured, Request, Target, load
from bench.material import ROWS, Identity, files

JSON = {"Accept": "application/dicom+json"}
BOUNDARY = "bench-boundary"
FAILED_SOP_SEQUENCE = "00081198"


def store_request(target: Target, instances: list[bytes]) -> Request:
    """One STOW-RS request (PS3.18 10.5) with these instances."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = b"".join(head + content + b"\r\n" for content in instances)
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    body = parts + f"--{BOUNDARY}--\r\n".encode()
    return Request("POST", f"{target.dicom_web}/studies", body, {"Content-Type": kind, **JSON})


def is_stored(answer: Answer) -> bool:
    """Whether all instances were taken; an empty list of failures is none."""
    if answer.status != 200:
        return False
    failed = json.loads(answer.body).get(FAILED_SOP_SEQUENCE, {})
    return not failed.get("Value")


def store(
    target: Target, plan: list[Identity], *, batch: int, connections: int, rows: int = ROWS
) -> Measured:
    """Store a plan, ``batch`` instances a request, of ``rows`` x ``rows`` pixels."""
    contents = files(plan, rows)
    requests = [
        store_request(target, contents[at : at + batch]) for at in range(0, len(contents), batch)
    ]
    return load(target, requests, connections=connections, is_ok=is_stored, units=batch)


def found(target: Target, plan: list[Identity]) -> int:
    """How many instances of the plan the server finds."""
    count = 0
    for study in {identity.study for identity in plan}:
        path = f"{target.dicom_web}/studies/{study}/instances?limit=1000"
        answer = target.ask(Request("GET", path, headers=JSON))
        count += len(json.loads(answer.body)) if answer.status == 200 else 0
    return count


Pick = Callable[[Identity], str]
SEARCHES: dict[str, Pick] = {
    "QIDO studies limit=100": lambda _: "/studies?limit=100",
    "QIDO studies by PatientID": lambda i: f"/studies?PatientID={i.patient_id}",
    "QIDO studies by AccessionNumber": lambda i: f"/studies?AccessionNumber={i.accession_number}",
    "QIDO studies by StudyInstanceUID": lambda i: f"/studies?StudyInstanceUID={i.study}",
    "QIDO studies by PatientName=BEN*": lambda _: "/studies?PatientName=BEN*&limit=50",
    "QIDO studies by StudyDate range": lambda _: "/studies?StudyDate=20150101-20150130&limit=50",
    "QIDO studies by ModalitiesInStudy": lambda _: "/studies?ModalitiesInStudy=CT&limit=50",
    "QIDO series of a study": lambda i: f"/studies/{i.study}/series",
    "QIDO instances of a series": lambda i: f"/studies/{i.study}/series/{i.series}/instances",
    "QIDO instance by SOPInstanceUID": lambda i: f"/instances?SOPInstanceUID={i.instance}",
}


def _instance(identity: Identity) -> str:
    return f"{_series(identity)}/instances/{identity.instance}"


def _series(identity: Identity) -> str:
    return f"/studies/{identity.study}/series/{identity.series}"


_DICOM = 'multipart/related; type="application/dicom"'
_BYTES = 'multipart/related; type="application/octet-stream"'
RETRIEVALS: dict[str, tuple[str, Pick]] = {
    "WADO metadata of a study": (JSON["Accept"], lambda i: f"/studies/{i.study}/metadata"),
    "WADO metadata of a series": (JSON["Accept"], lambda i: f"{_series(i)}/metadata"),
    "WADO metadata of an instance": (JSON["Accept"], lambda i: f"{_instance(i)}/metadata"),
    "WADO instance": (_DICOM, _instance),
    "WADO frame": (_BYTES, lambda i: f"{_instance(i)}/frames/1"),
    "WADO series": (_DICOM, _series),
    "WADO rendered JPEG": ("image/jpeg", lambda i: f"{_instance(i)}/rendered"),
    "WADO rendered PNG": ("image/png", lambda i: f"{_instance(i)}/rendered"),
}


def read_requests(
    target: Target, work: str, plan: list[Identity], count: int, seed: str
) -> list[Request]:
    """Choose objects at random, the same for every server."""
    dice = random.Random(f"{seed} {work}")  # noqa: S311 no secret
    accept, pick = (JSON["Accept"], SEARCHES[work]) if work in SEARCHES else RETRIEVALS[work]
    return [
        Request("GET", target.dicom_web + pick(dice.choice(plan)), headers={"Accept": accept})
        for _ in range(count)
    ]
