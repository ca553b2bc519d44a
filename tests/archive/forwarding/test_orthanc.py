"""Orthanc as the peer: forwarded to and fetched from, by DICOM and by DICOMweb."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from archive.events.services import relay_outbox
from archive.forwarding import fetches, fetching
from archive.forwarding.peers import PeerValues, create_peer, echo_peer
from archive.forwarding.sending import send_due
from archive.models import Fetch, Forward, ForwardingRule, Study
from bench.orthanc import orthanc, orthanc_program
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.models import Peer
    from bench.clients import Target

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(orthanc_program() is None, reason="Orthanc is not installed"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Target]:
    with orthanc() as target:
        ask(target, "PUT", "/modalities/TWINSIGHT", ["TWINSIGHT", "127.0.0.1", 1])
        yield target


@pytest.fixture(params=["dimse", "dicomweb"])
def peer(request, running, admin, project) -> Peer:
    values = PeerValues(
        protocol=request.param,
        ae_title="ORTHANC",
        address="127.0.0.1",
        port=running.dicom.port,
        base_url=f"{running.url}/dicom-web",
        project=project.slug,
    )
    return create_peer(asker=admin, values=values)


def ask(target: Target, method: str, path: str, body: object = None) -> object:
    """Speak to Orthanc's own REST service."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(f"{target.url}{path}", data=content, method=method)  # noqa: S310 loopback
    with urlopen(request, timeout=30) as answer:  # noqa: S310 as above
        return json.loads(answer.read() or b"null")


def known(target: Target, uid: str) -> list[str]:
    """Return what Orthanc has under a UID."""
    return [one["ID"] for one in ask(target, "POST", "/tools/lookup", uid.encode())]


def test_rule_sends_a_study_to_orthanc(running, peer, admin, project) -> None:
    assert echo_peer(asker=admin, peer_id=peer.pk).echo_error == ""
    ForwardingRule.objects.create(name="All", peer=peer, is_enabled=True)
    sent = store_datasets(*(make_dataset() for _ in range(3)), project=project)
    relay_outbox()

    assert send_due(peer.pk, for_s=600) == 3, list(Forward.objects.values_list("message"))

    for instance in sent:
        assert len(known(running, instance.sop_instance_uid)) == 1


def test_study_is_found_in_orthanc_and_fetched(running, peer, admin, project) -> None:
    kind = peer.protocol
    uid = {"dimse": "1.2.826.0.1.77.1", "dicomweb": "1.2.826.0.1.77.2"}[kind]
    for _ in range(2):
        there = make_dataset(StudyInstanceUID=uid, PatientID=f"ORTHANC-{kind}")
        ask(running, "POST", "/instances", as_part10(there))

    found = fetches.search_peer(asker=admin, peer_id=peer.pk, keys={"PatientID": f"ORTHANC-{kind}"})
    assert [(row.study_uid, row.is_here) for row in found] == [(uid, False)]
    fetches.fetch_studies(asker=admin, peer_id=peer.pk, study_uids=[uid])
    for key in fetching.due_fetches():
        fetching.execute_fetch(key)

    fetch = Fetch.objects.get()
    assert (fetch.state, fetch.number_of_instances) == ("done", 2), fetch.message
    study = Study.objects.get(study_instance_uid=uid)
    assert list(study.projects.all()) == [project]
