"""Sealed records reach a syslog server over TLS: whole, in order, none lost when it fails."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from archive.audit import services as audit
from archive.audit.atna import audit_message
from archive.audit.chain import seal_new_records
from archive.audit.fhir import fhir_audit_event
from archive.audit.sending import send_records
from archive.audit.types import Asker
from archive.models import AuditEvent
from archive.models.audit import AuditDelivery

if TYPE_CHECKING:
    from pathlib import Path

ASKER = Asker(door="dicomweb", name="somebody", address="127.0.0.1", token_hint="tws_x")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn takes all that is there, however slow the machine is."""
    monkeypatch.setattr("archive.audit.sending._TURN_S", 600)


class SyslogServer:
    """Takes RFC 5425 messages; the first connections may be cut before their end is read."""

    def __init__(self, folder: Path) -> None:
        certificate = self._certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.authority, self.messages, self.cut = certificate, [], 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @staticmethod
    def _certificate(folder: Path) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = timezone.now()
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = folder / "syslog.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        return str(path)

    def _serve(self) -> None:
        while True:
            try:
                bare, _ = self._listener.accept()
            except OSError:
                return
            with bare:
                if self.cut:
                    self.cut -= 1
                    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    continue
                with self._context.wrap_socket(bare, server_side=True) as one:
                    data = b""
                    while chunk := one.recv(65536):
                        data += chunk
                    self._take(data)

    def _take(self, data: bytes) -> None:
        while data:
            length, _, rest = data.partition(b" ")
            self.messages.append(rest[: int(length)])
            data = rest[int(length) :]

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server(tmp_path, settings):
    made = SyslogServer(tmp_path)
    settings.TWINSIGHT_SYSLOG_URL = f"tls://localhost:{made.port}"
    settings.TWINSIGHT_SYSLOG_AUTHORITY = made.authority
    yield made
    made.close()


# A connection that is reset before its handshake: CPython leaves the socket to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_records_arrive_whole_in_order_and_none_is_lost(server) -> None:
    for at in range(3):
        audit.record_access(ASKER, study_instance_uid=f"1.2.{at}", what="study")
    assert send_records() == 0, "what is not sealed is not sent"
    seal_new_records()
    server.cut = 1

    assert send_records() == 0
    waiting = AuditDelivery.objects.get()
    assert waiting.attempts == 1
    assert waiting.error
    assert send_records() == 0, "it waits before it tries again"
    AuditDelivery.objects.update(retry_at=None)
    assert send_records() == 3
    assert send_records() == 0

    studies = []
    for message in server.messages:
        head, _, body = message.partition(b"\xef\xbb\xbf")
        assert head.startswith(b"<85>1 20")
        root = ET.fromstring(body.decode())  # noqa: S314 our own
        assert root.find("EventIdentification/EventID").get("csd-code") == "110103"
        assert root.find("ActiveParticipant").get("NetworkAccessPointID") == "127.0.0.1"
        studies.append(root.find("ParticipantObjectIdentification").get("ParticipantObjectID"))
    assert studies == ["1.2.0", "1.2.1", "1.2.2"]
    assert AuditDelivery.objects.get().last_event == AuditEvent.objects.latest("pk").pk


def test_a_record_says_the_same_as_xml_and_as_fhir() -> None:
    audit.record_query(ASKER, what="query", details={"filters": ["<PatientID>"]})
    audit.record_login(Asker(door="portal", name="x"), is_success=False)
    query, login = AuditEvent.objects.order_by("pk")

    root = ET.fromstring(audit_message(query, source="TWINSIGHT").decode())  # noqa: S314 our own
    assert root.find("ParticipantObjectIdentification/ParticipantObjectQuery").text
    resource = fhir_audit_event(query, source="TWINSIGHT")
    assert resource["type"]["code"] == "110112"
    assert resource["entity"][0]["query"]
    assert resource["agent"][0]["network"] == {"address": "127.0.0.1", "type": "2"}
    failed = fhir_audit_event(login, source="TWINSIGHT")
    assert (failed["outcome"], failed["subtype"][0]["code"]) == ("4", "110122")
