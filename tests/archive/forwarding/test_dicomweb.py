"""Peers by DICOMweb: a scripted service, and the archive's own."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.errors import (
    NotAcceptableError,
    PeerError,
    PeerRefusedError,
    PeerUnreachableError,
    StorageError,
)
from archive.forwarding import dicomweb_client, peers
from archive.forwarding.peers import PeerValues
from archive.forwarding.sealing import seal
from archive.models import Peer
from archive.retrieve.outgoing import outgoing_instance
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db
JSON = {"Content-Type": "application/dicom+json"}


@dataclass
class Service:
    """A DICOMweb service that answers as it is told, and keeps what it was asked."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        """Say this to the next request."""
        self.answers.append((status, headers or {}, body))


@pytest.fixture
def service() -> Iterator[Service]:
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            told.asked.append((self.command, self.path, dict(self.headers), body))
            status, headers, content = told.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 http.server's name

        def log_message(self, *_args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def peer(service) -> Peer:
    return Peer.objects.create(
        protocol="dicomweb", ae_title="WEB", address="127.0.0.1", base_url=service.url
    )


def stored(project, number=1, **attrs):
    return store_datasets(*(make_dataset(**attrs) for _ in range(number)), project=project)


def said(*, taken=(), failed=()) -> bytes:
    """Return the body of a store's answer."""
    answer = Dataset()
    answer.ReferencedSOPSequence = [reference(one) for one in taken]
    answer.FailedSOPSequence = [reference(one, reason) for one, reason in failed]
    return json.dumps(answer.to_json_dict()).encode()


def reference(instance, reason=None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.sop_class_uid
    item.ReferencedSOPInstanceUID = instance.sop_instance_uid
    if reason is not None:
        item.FailureReason = reason
    return item


def test_echo_asks_for_one_study_with_the_credentials(service, peer) -> None:
    peer.sealed_credentials = seal("Bearer abc")
    service.answer(200, JSON, b"[]")

    assert dicomweb_client.echo(peer) == ""

    method, path, headers, _ = service.asked[0]
    assert (method, path) == ("GET", "/dicom-web/studies?limit=1")
    assert headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (401, {}, b"", "401"),
        (404, {}, b"", "404"),
        (503, {}, b"", "503"),
        (302, {"Location": "http://169.254.169.254/"}, b"", "leads elsewhere"),
        (200, {"Content-Type": "text/html"}, b"<html>", "no DICOM JSON"),
        (200, JSON, b'{"a": 1}', "no DICOM JSON"),
        (200, JSON, b"[" * 100_000, "no DICOM JSON"),
    ],
)
def test_echo_says_what_is_wrong(service, peer, status, headers, body, words) -> None:
    service.answer(status, headers, body)

    assert words in dicomweb_client.echo(peer)
    assert len(service.asked) == 1, "a redirect is not followed"


def test_service_that_is_not_there_is_unreachable(peer, project) -> None:
    peer.base_url = "http://127.0.0.1:1/dicom-web"

    assert "Nobody listens" in dicomweb_client.echo(peer)
    with pytest.raises(PeerUnreachableError):
        list(dicomweb_client.send(peer, stored(project)))


def test_several_go_in_one_request_and_each_has_its_outcome(service, peer, project) -> None:
    good, odd, full = stored(project, 3)
    service.answer(202, JSON, said(taken=[good], failed=[(odd, 0x0122), (full, 0xA700)]))

    outcomes = {one.sop_instance_uid: one for one in dicomweb_client.send(peer, [good, odd, full])}

    assert outcomes[good.sop_instance_uid].is_sent
    assert not outcomes[odd.sop_instance_uid].is_sent
    assert "0122" in outcomes[odd.sop_instance_uid].message
    assert outcomes[full.sop_instance_uid].is_retriable
    ((method, path, headers, body),) = service.asked
    assert (method, path) == ("POST", "/dicom-web/studies")
    assert int(headers["Content-Length"]) == len(body)
    assert body.count(b"DICM") == 3


def test_instances_leave_byte_for_byte_but_for_the_preamble(service, peer, project) -> None:
    (instance,) = stored(project)
    service.answer(200, JSON, said(taken=[instance]))
    list(dicomweb_client.send(peer, [instance]))

    from archive.retrieve.datasets import open_instance

    body = service.asked[0][3]
    with open_instance(instance) as file:
        content = file.read()
    assert bytes(128) + content[128:] in body


def test_implicit_little_endian_is_not_for_the_web(service, peer, project) -> None:
    (instance,) = stored(project, transfer_syntax="1.2.840.10008.1.2")
    service.answer(200, JSON, said(taken=[instance]))

    (outcome,) = dicomweb_client.send(peer, [instance])

    assert outcome.is_sent
    assert b"1.2.840.10008.1.2.1\x00" in service.asked[0][3]


def test_request_that_is_refused_whole_is_tried_one_by_one(service, peer, project) -> None:
    good, bad = stored(project, 2)
    service.answer(400)
    service.answer(200, JSON, said(taken=[good]))
    service.answer(400)

    outcomes = list(dicomweb_client.send(peer, [good, bad]))

    assert [one.is_sent for one in outcomes] == [True, False]
    assert not outcomes[1].is_retriable


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, PeerUnreachableError), (429, PeerUnreachableError), (401, PeerRefusedError),
     (307, PeerRefusedError)],
)  # fmt: skip
def test_service_that_takes_nothing_now_is_asked_later(
    service, peer, project, status, kind
) -> None:
    service.answer(status, {"Location": "http://127.0.0.1/"})

    with pytest.raises(kind):
        list(dicomweb_client.send(peer, stored(project)))


@pytest.mark.parametrize("is_for_good", [True, False])
def test_what_the_store_can_not_give_now_is_sent_later(
    service, peer, project, monkeypatch, is_for_good
) -> None:
    first, second = stored(project, 2)

    def away(instance, wanted):
        if instance != first:
            return outgoing_instance(instance, wanted)
        if is_for_good:
            raise NotAcceptableError("It can't be written so.")
        raise StorageError("The store is away.")

    monkeypatch.setattr(dicomweb_client, "outgoing_instance", away)
    service.answer(200, JSON, said(taken=[second]))

    failed, sent = dicomweb_client.send(peer, [first, second])

    assert (failed.is_sent, failed.is_retriable) == (False, not is_for_good)
    assert sent.is_sent


def test_answers_that_nobody_can_read_are_errors_not_crashes(service, peer) -> None:
    for body in (b'[{"00100010": {"vr": "PN", "Value": [7]}}]', b'[{"0010": 1}]', b"[[]]"):
        service.answer(200, JSON, body)
        try:
            dicomweb_client.find(peer, "STUDY", {"PatientID": "P1"})
        except PeerError:
            continue


def multipart(*contents: bytes, boundary: str = "b") -> tuple[dict[str, str], bytes]:
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + content + b"\r\n" for content in contents) + b"--b--\r\n"
    return {"Content-Type": kind}, body


def test_study_comes_part_by_part(service, peer) -> None:
    contents = [as_part10(make_dataset()) for _ in range(3)]
    service.answer(200, *multipart(*contents))
    taken = []

    def keep(spool) -> None:
        spool.flush()
        taken.append(spool.path.read_bytes())

    counts = dicomweb_client.get(peer, "1.2.3", keep)

    assert (counts.received, taken) == (3, contents)
    assert service.asked[0][1] == "/dicom-web/studies/1.2.3"


def test_study_that_breaks_off_is_an_error(service, peer) -> None:
    headers, body = multipart(as_part10(make_dataset()), as_part10(make_dataset()))
    service.answer(200, headers, body[:-40])

    with pytest.raises(PeerError):
        dicomweb_client.get(peer, "1.2.3", lambda _spool: None)


@pytest.mark.parametrize("status", [404, 410])
def test_study_that_the_peer_has_not_is_refused(service, peer, status) -> None:
    service.answer(status)
    with pytest.raises(PeerRefusedError):
        dicomweb_client.get(peer, "1.2.3", lambda _spool: None)


def test_something_else_than_dicom_is_refused(service, peer) -> None:
    service.answer(200, {"Content-Type": "text/html"}, b"<html>")
    with pytest.raises(PeerError):
        dicomweb_client.get(peer, "1.2.3", lambda _spool: None)


@pytest.mark.django_db(transaction=True)
def test_archives_own_service_is_asked_sent_to_and_fetched_from(
    live_server, project, archive_admin
) -> None:
    token = create_api_token(
        asker=Asker(door="test"),
        username="peer",
        scopes=["read", "write"],
        role="clinician",
        projects=[project],
    )
    (instance,) = stored(project, StudyInstanceUID="1.2.3.77", PatientID="WEB-1")
    values = PeerValues(
        protocol="dicomweb",
        ae_title="OURS",
        address="127.0.0.1",
        base_url=f"{live_server.url}/dicom-web",
        authorization=f"Bearer {token}",
    )
    ours = peers.create_peer(asker=Asker(door="test", user=archive_admin), values=values)

    assert dicomweb_client.echo(ours) == ""
    (found,) = dicomweb_client.find(
        ours, "STUDY", {"PatientID": "WEB-1", "StudyInstanceUID": "", "StudyDescription": ""}
    )
    assert found.StudyInstanceUID == "1.2.3.77"
    (outcome,) = dicomweb_client.send(ours, [instance])
    assert outcome.is_sent, outcome.message
    sizes: list[int] = []
    counts = dicomweb_client.get(ours, "1.2.3.77", lambda spool: sizes.append(spool.size))
    assert (counts.received, sizes) == (1, [instance.blob.size_bytes])


@pytest.mark.parametrize("body", [b"", b"{}", b"<xml/>", b"[[[", b'{"00081199": 7}'])
def test_success_that_names_no_instance_is_none(service, peer, project, body) -> None:
    service.answer(200, JSON, body)

    (outcome,) = dicomweb_client.send(peer, stored(project))

    assert not outcome.is_sent
    assert outcome.is_retriable
