"""UPS-RS from creation to the end: every status and Warning that PS3.18 section 11 names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from archive.dicom.native_xml import json_to_xml
from archive.dicom.xml_reading import read_native_xml
from archive.models import AuditEvent
from inference.models import Workitem
from tests.builders.workitems import new_workitem, performed, state

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db
URL = "/dicom-web/workitems"
JSON = "application/dicom+json"
MISSING = "The Transaction UID is missing."
INCORRECT = "The Transaction UID is incorrect."
INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."


@pytest.fixture
def client(radiologist: User) -> Client:
    client = Client(raise_request_exception=False, headers={"accept": JSON})
    client.force_login(radiologist)
    return client


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(URL + path, json.dumps(body), content_type=JSON)


def put(client: Client, uid: str, body: Any) -> Any:
    return client.put(f"{URL}/{uid}/state", json.dumps(body), content_type=JSON)


def warning(answer: Any) -> str:
    head = answer.headers.get("Warning", "")
    service = "299 http://testserver/dicom-web: "
    assert not head or head.startswith(service)
    return head.removeprefix(service)


@pytest.fixture
def uid(client: Client) -> str:
    answer = post(client, "?workitem=2.25.5", [new_workitem()])
    assert answer.status_code == 201, answer.content
    return "2.25.5"


def test_workitem_is_created_found_and_told_without_its_transaction_uid(client: Client) -> None:
    answer = post(client, "?workitem=2.25.5", [new_workitem()])

    assert answer.status_code == 201
    assert answer["Location"] == "http://testserver/dicom-web/workitems/2.25.5"
    assert warning(answer) == ""
    put(client, "2.25.5", state("IN PROGRESS"))
    (item,) = client.get(f"{URL}/2.25.5").json()
    assert item["00741000"]["Value"] == ["IN PROGRESS"]
    assert item["00080016"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
    assert "00081195" not in item
    assert "2.25.77" not in client.get(URL).content.decode()


@pytest.mark.parametrize("query", ["?2.25.9", "?workitem=2.25.9", "?AffectedSOPInstanceUID=2.25.9"])
def test_uid_of_a_new_workitem_is_read_in_every_spelling(client: Client, query: str) -> None:
    assert post(client, query, new_workitem())["Location"].endswith("/2.25.9")


def test_uid_is_made_where_none_is_given_and_a_worklist_label_filled_in(client: Client) -> None:
    answer = post(client, "", [new_workitem(t00741202={})])

    assert answer.status_code == 201
    assert answer["Location"].rpartition("/")[2].startswith("2.25.")
    assert warning(answer) == "The Workitem was created with modifications."


def test_second_workitem_of_the_same_uid_is_a_conflict(client: Client, uid: str) -> None:
    assert post(client, f"?workitem={uid}", [new_workitem()]).status_code == 409


@pytest.mark.parametrize(
    "ds",
    [
        [],
        [new_workitem(), new_workitem()],
        "text",
        {"PatientName": "x"},
        {"00100010": "x"},
        {"00100010": {"vr": "PN", "Value": ["Doe"]}},
        {"00100020": {"vr": "LO", "Value": ["a\x00b"]}},
        new_workitem(t00741000={"vr": "CS", "Value": ["IN PROGRESS"]}),
        new_workitem(t00741200={}),
        new_workitem(t00741204={"vr": "LO"}),
        new_workitem(t00404005={"vr": "DT", "Value": ["soon"]}),
        new_workitem(t00404041={"vr": "CS", "Value": ["MAYBE"]}),
        new_workitem(t00741200={"vr": "CS", "Value": ["URGENT"]}),
        new_workitem(t00081195={"vr": "UI", "Value": ["2.25.1"]}),
        new_workitem(t00741216=performed()["00741216"]),
        new_workitem(t0020000D={"vr": "UI", "Value": ["1.2.x"]}),
        new_workitem(t00080018={"vr": "UI", "Value": ["1..2"]}),
    ],
    ids=lambda ds: json.dumps(ds)[-60:],
)
def test_what_is_no_new_workitem_is_a_bad_request(client: Client, ds: Any) -> None:
    answer = post(client, "", ds)

    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert not Workitem.objects.exists()


def test_other_media_types_are_refused(client: Client) -> None:
    sent = client.post(URL, "<x/>", content_type="text/xml")
    asked = client.get(f"{URL}?accept=text/html")

    assert sent.status_code == 415
    assert asked.status_code == 406


def test_xml_goes_in_and_comes_out(client: Client) -> None:
    xml = json_to_xml(new_workitem())
    made = client.post(f"{URL}?workitem=2.25.5", xml, content_type="application/dicom+xml")
    assert made.status_code == 201, made.content

    one = client.get(f"{URL}/2.25.5", headers={"accept": "application/dicom+xml"})
    several = client.get(URL, headers={"accept": 'multipart/related; type="application/dicom+xml"'})
    absent = client.get(f"{URL}/2.25.6?accept=application/dicom%2Bxml")

    assert one["Content-Type"] == "application/dicom+xml"
    assert read_native_xml(one.content)["00741204"]["Value"] == ["Segment the liver"]
    boundary = several["Content-Type"].rpartition("boundary=")[2]
    assert several.content.count(f"--{boundary}\r\n".encode()) == 1
    assert several.content.endswith(f"--{boundary}--\r\n".encode())
    assert absent.status_code == 404
    assert absent["Content-Type"] == "application/problem+json"
    assert absent.json()["code"] == "not-found"


@pytest.mark.parametrize("body", ["", "<x", "<x/>", "<!DOCTYPE a><x/>"])
def test_xml_that_is_no_workitem_is_a_bad_request(client: Client, body: str) -> None:
    assert client.post(URL, body, content_type="application/dicom+xml").status_code == 400


def test_life_of_a_workitem(client: Client, uid: str) -> None:
    assert put(client, uid, state("IN PROGRESS")).status_code == 200
    assert post(client, f"/{uid}?transaction-uid=2.25.77", performed()).status_code == 200
    ended = put(client, uid, state("COMPLETED"))

    assert (ended.status_code, warning(ended)) == (200, "")
    (item,) = client.get(f"{URL}/{uid}").json()
    assert item["00741000"]["Value"] == ["COMPLETED"]
    acts = set(AuditEvent.objects.values_list("act", flat=True))
    assert acts >= {"create-workitem", "claim-workitem", "update-workitem", "completed-workitem"}


@pytest.mark.parametrize("name", ["transaction-uid", "transaction", "Transaction-uid"])
def test_transaction_uid_is_read_in_every_spelling(client: Client, uid: str, name: str) -> None:
    put(client, uid, state("IN PROGRESS"))

    assert post(client, f"/{uid}?{name}=2.25.77", performed()).status_code == 200


def test_transaction_uid_may_be_the_whole_query(client: Client, uid: str) -> None:
    put(client, uid, state("IN PROGRESS"))

    assert post(client, f"/{uid}?2.25.77", performed()).status_code == 200


@pytest.mark.parametrize(
    ("before", "asked", "status", "text"),
    [
        ([], state("COMPLETED"), 409, INCONSISTENT),
        ([], state("CANCELED"), 409, INCONSISTENT),
        ([], state("IN PROGRESS", ""), 400, MISSING),
        ([], state("IN PROGRESS", "x"), 400, ""),
        ([], state("SCHEDULED"), 400, ""),
        ([], {}, 400, ""),
        (["IN PROGRESS"], state("IN PROGRESS", "2.25.78"), 409, INCONSISTENT),
        (["IN PROGRESS"], state("COMPLETED", ""), 400, MISSING),
        (["IN PROGRESS"], state("COMPLETED", "2.25.78"), 400, INCORRECT),
        (["IN PROGRESS"], state("COMPLETED"), 409, INCONSISTENT),
        (["IN PROGRESS"], state("CANCELED"), 200, ""),
        (
            ["IN PROGRESS", "CANCELED"],
            state("CANCELED"),
            200,
            "The UPS is already in the requested state of CANCELED.",
        ),
        (["IN PROGRESS", "CANCELED"], state("COMPLETED"), 409, INCONSISTENT),
        (["IN PROGRESS", "CANCELED"], state("IN PROGRESS"), 409, INCONSISTENT),
        (
            ["IN PROGRESS", "update", "COMPLETED"],
            state("COMPLETED"),
            200,
            "The UPS is already in the requested state of COMPLETED.",
        ),
        (["IN PROGRESS", "update", "COMPLETED"], state("CANCELED"), 409, INCONSISTENT),
    ],
    ids=str,
)
def test_changes_of_state(
    client: Client, uid: str, before: list[str], asked: Any, status: int, text: str
) -> None:
    for step in before:
        if step == "update":
            assert post(client, f"/{uid}?transaction=2.25.77", performed()).status_code == 200
        else:
            assert put(client, uid, state(step)).status_code == 200

    answer = put(client, uid, asked)

    assert (answer.status_code, warning(answer)) == (status, text)


@pytest.mark.parametrize(
    "lacking", ["00404019", "00404028", "00404033", "00404050", "00404051"], ids=str
)
def test_completed_workitem_says_by_whom_when_and_what(
    client: Client, uid: str, lacking: str
) -> None:
    put(client, uid, state("IN PROGRESS"))
    ds = performed()
    del ds["00741216"]["Value"][0][lacking]
    post(client, f"/{uid}?transaction=2.25.77", ds)

    answer = put(client, uid, state("COMPLETED"))

    assert (answer.status_code, answer.json()["code"]) == (409, "final-state-unmet")


@pytest.mark.parametrize(
    ("before", "query", "changes", "status", "text"),
    [
        ([], "", {"00741204": {"vr": "LO", "Value": ["Other"]}}, 200, ""),
        ([], "", {"00741204": {"vr": "LO"}}, 400, ""),
        ([], "", {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}, 400, ""),
        ([], "", {"00100020": {"vr": "LO", "Value": ["P2"]}}, 400, ""),
        (
            [],
            "?transaction=2.25.77",
            performed(),
            400,
            "The target URI did not reference a claimed Workitem.",
        ),
        (["IN PROGRESS"], "", performed(), 400, MISSING),
        (["IN PROGRESS"], "?transaction=2.25.78", performed(), 400, INCORRECT),
        (
            ["IN PROGRESS", "CANCELED"],
            "?transaction=2.25.77",
            performed(),
            400,
            "The submitted request is inconsistent with the current state of the Workitem.",
        ),
    ],
    ids=str,
)
def test_updates(
    client: Client, uid: str, before: list[str], query: str, changes: Any, status: int, text: str
) -> None:
    for step in before:
        put(client, uid, state(step))

    answer = post(client, f"/{uid}{query}", changes)

    assert (answer.status_code, warning(answer)) == (status, text)


def test_cancel_request_ends_what_nobody_began(client: Client, uid: str) -> None:
    reason = {"00741238": {"vr": "LT", "Value": ["Patient left"]}}

    first, second = (post(client, f"/{uid}/cancelrequest", reason) for _ in range(2))

    assert (first.status_code, warning(first)) == (202, "")
    assert second.status_code == 202
    assert warning(second) == "The UPS is already in the requested state of CANCELED."
    (item,) = client.get(f"{URL}/{uid}").json()
    progress = item["00741002"]["Value"][0]
    assert progress["00741238"]["Value"] == ["Patient left"]
    assert progress["00404052"]["Value"]


def test_cancel_request_leaves_the_decision_to_who_works_on_it(client: Client, uid: str) -> None:
    put(client, uid, state("IN PROGRESS"))

    assert client.generic("POST", f"{URL}/{uid}/cancelrequest").status_code == 202

    assert Workitem.objects.get().state == "IN PROGRESS"


def test_cancel_request_after_the_end_is_a_conflict(client: Client, uid: str) -> None:
    put(client, uid, state("IN PROGRESS"))
    post(client, f"/{uid}?transaction=2.25.77", performed())
    put(client, uid, state("COMPLETED"))

    assert post(client, f"/{uid}/cancelrequest", {}).status_code == 409


@pytest.mark.parametrize("path", ["", "/state", "/cancelrequest"])
def test_workitem_that_is_not_there(client: Client, path: str) -> None:
    method = client.put if path == "/state" else client.post
    body = json.dumps(state("IN PROGRESS"))

    assert method(f"{URL}/2.25.404{path}", body, content_type=JSON).status_code == 404


def test_others_see_nothing_and_viewers_change_nothing(
    client: Client, uid: str, outsider: User, colleague: User
) -> None:
    viewer, stranger = Client(), Client()
    viewer.force_login(colleague)
    stranger.force_login(outsider)

    assert put(stranger, uid, state("IN PROGRESS")).status_code == 404
    assert stranger.get(f"{URL}/{uid}").status_code == 404
    assert viewer.get(f"{URL}/{uid}").status_code == 200
    assert put(viewer, uid, state("IN PROGRESS")).status_code == 403
    assert post(viewer, "", [new_workitem()]).status_code == 403


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"PatientName": "doe*"}, 1),
        ({"PatientName": "jan do", "fuzzymatching": "true"}, 1),
        ({"00100020": "P1"}, 1),
        ({"ScheduledProcedureStepPriority": "HIGH"}, 0),
        ({"ProcedureStepState": "SCHEDULED", "WorklistLabel": "Eve*"}, 1),
        ({"ScheduledWorkitemCodeSequence.CodeValue": "110013"}, 1),
        ({"00404018.00080100": "110014"}, 0),
        ({"ScheduledProcedureStepStartDateTime": "20260706-20260707"}, 1),
        ({"ScheduledProcedureStepStartDateTime": "20260707-"}, 0),
        ({"SOPInstanceUID": "1.2.3,2.25.5"}, 1),
        ({"AdmissionID": '""'}, 1),
    ],
    ids=str,
)
def test_every_attribute_is_a_key(client: Client, uid: str, query: dict, count: int) -> None:
    answer = client.get(URL, query)

    assert answer.status_code == (200 if count else 204)
    assert len(answer.json() if count else []) == count


def test_pages_follow_on_each_other(client: Client) -> None:
    for number in range(5):
        post(client, f"?workitem=2.25.{number + 1}", new_workitem())

    first = client.get(URL, {"limit": 3})
    rest = client.get(URL, {"limit": 3, "offset": 3})

    uids = [item["00080018"]["Value"][0] for item in [*first.json(), *rest.json()]]
    assert uids == [f"2.25.{number}" for number in (5, 4, 3, 2, 1)]
    assert warning(first) == "There are additional results that can be requested"
    assert warning(rest) == ""
