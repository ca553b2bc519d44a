"""Orthanc as a peer, in both directions."""

from __future__ import annotations

import json

import pytest

from archive.access.services import register_peer
from archive.forwarding import commitment, dimse_client
from archive.models import Instance, StorageCommitment
from bench import orthanc as peer
from bench.clients import Request
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(peer.orthanc_program() is None, reason="Orthanc is not installed"),
]


@pytest.fixture(scope="module")
def orthanc():
    with peer.orthanc() as target:
        yield target


@pytest.fixture
def ask(orthanc):
    """Ask Orthanc's REST service; return what it answers."""

    def send(method, path, body=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = orthanc.ask(Request(method, path, body=content if body is not None else b""))
        assert answer.status == 200, (path, answer.status, answer.body)
        return json.loads(answer.body) if answer.body[:1] in {b"{", b"["} else answer.body

    return send


@pytest.fixture
def remote(orthanc, listener, radiologist, project, ask, settings):
    """Let each know the other; empty Orthanc."""
    settings.TWINSIGHT_AE_TITLE = "TWINTEST"
    for study in ask("GET", "/studies"):
        ask("DELETE", f"/studies/{study}")
    ask(
        "PUT",
        "/modalities/twin",
        {"AET": "TWINTEST", "Host": "127.0.0.1", "Port": listener.port},
    )
    return register_peer(
        ae_title="ORTHANC",
        address="127.0.0.1",
        port=orthanc.dicom.port,
        project=project,
        account=radiologist,
        may_query=True,
        may_retrieve=True,
        is_move_destination=True,
    )


def _study(uid="1.2.1", count=3):
    return [
        make_dataset(
            PatientID="P1",
            StudyInstanceUID=uid,
            SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.{number}",
        )
        for number in range(1, count + 1)
    ]


def test_they_answer_each_others_echo(remote, ask):
    assert dimse_client.echo(remote) == ""
    ask("POST", "/modalities/twin/echo", {})


def test_we_send_find_and_get_back(remote, ask, project):
    stored = store_datasets(*_study(), project=project)

    outcomes = list(dimse_client.send(remote, stored))

    assert [outcome.is_sent for outcome in outcomes] == [True] * 3
    assert len(ask("GET", "/instances")) == 3
    found = dimse_client.find(
        remote, "STUDY", {"PatientID": "P1", "StudyInstanceUID": "", "StudyDate": ""}
    )
    assert [ds.StudyInstanceUID for ds in found] == ["1.2.1"]
    sizes = []
    counts = dimse_client.get(
        remote,
        "1.2.1",
        lambda spool: sizes.append(spool.size),
        sop_class_uids=["1.2.840.10008.5.1.4.1.1.2"],
    )
    assert (counts.received, counts.failed, len(sizes)) == (3, 0, 3)


def test_we_have_it_move_a_study_to_us(remote, ask):
    for ds in _study():
        ask("POST", "/instances", as_part10(ds))

    counts = dimse_client.move(remote, "1.2.1", "TWINTEST")

    assert counts.received == 3
    assert Instance.objects.count() == 3


def test_it_stores_with_us(remote, ask):
    for ds in _study():
        ask("POST", "/instances", as_part10(ds))
    (study,) = ask("GET", "/studies")

    done = ask("POST", "/modalities/twin/store", study)

    assert done["FailedInstancesCount"] == 0
    assert Instance.objects.count() == 3


def test_it_finds_and_moves_from_us(remote, ask, project):
    store_datasets(*_study(), project=project)

    query = ask(
        "POST",
        "/modalities/twin/query",
        {"Level": "Study", "Query": {"PatientID": "P1", "StudyDate": ""}},
    )
    answers = ask("GET", f"/queries/{query['ID']}/answers")
    ask("POST", f"/queries/{query['ID']}/retrieve", {"TargetAet": "ORTHANC"})

    assert len(answers) == 1
    assert len(ask("GET", "/instances")) == 3


def test_it_asks_for_the_worklist(remote, ask):
    assert ask("POST", "/modalities/twin/find-worklist", {"PatientID": ""}) == []


def test_it_asks_for_storage_commitment_and_is_answered(remote, ask, project):
    store_datasets(*_study(), project=project)
    pairs = [["1.2.840.10008.5.1.4.1.1.2", f"1.2.1.1.{n}"] for n in (1, 4)]

    asked = ask("POST", "/modalities/twin/storage-commitment", {"DicomInstances": pairs})
    due = [commitment.answer_commitment(key) for key in commitment.due_commitments()]

    assert due == [True]
    assert StorageCommitment.objects.get().state == "reported"
    asked_for = f"/storage-commitment/{asked['ID']}"
    wait_until(lambda: ask("GET", asked_for)["Status"] != "Pending")
    report = ask("GET", asked_for)
    assert report["Status"] == "Failure"
    assert [item["SOPInstanceUID"] for item in report["Success"]] == ["1.2.1.1.1"]
    assert [item["SOPInstanceUID"] for item in report["Failures"]] == ["1.2.1.1.4"]
