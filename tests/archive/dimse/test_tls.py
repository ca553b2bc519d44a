"""DICOM over TLS, both ways: who comes in, and who is called."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification

from archive.access.services import register_peer
from archive.dimse.listener import Listener
from archive.errors import PeerError
from archive.forwarding import dimse_client
from archive.models import AuditEvent, Instance, Peer
from tests.archive.dimse.certificates import Authority
from tests.archive.dimse.conftest import AE_TITLE
from tests.builders.datasets import make_dataset


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def own(authority, settings):
    """Give the listener a certificate."""
    certificate, key = authority.issue("twinsight")
    settings.TWINSIGHT_DICOM_TLS_PORT = 2762
    settings.TWINSIGHT_DICOM_TLS_CERTIFICATE = str(certificate)
    settings.TWINSIGHT_DICOM_TLS_KEY = str(key)
    settings.TWINSIGHT_DICOM_TLS_AUTHORITY = ""
    settings.TWINSIGHT_AE_TITLE = "SCANNER"
    return certificate, key


@pytest.fixture
def secured(own, peer):
    with Listener(ae_title=AE_TITLE, bind="127.0.0.1", port=0, secure_port=0) as running:
        yield running


@pytest.fixture
def connect(secured):
    """Associate by TLS as SCANNER."""

    def open_association(context, *contexts):
        ae = AE(ae_title="SCANNER")
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
        for sop_class in (Verification, *contexts):
            ae.add_requested_context(sop_class)
        return ae.associate(
            "127.0.0.1",
            secured.secure_port,
            ae_title=AE_TITLE,
            tls_args=(context, "127.0.0.1"),
        )

    return open_association


def _trusting(authority):
    return ssl.create_default_context(cadata=authority.pem)


def test_instance_is_stored_by_tls(connect, authority, project):
    association = connect(_trusting(authority), CTImageStorage)

    ds = make_dataset(Rows=512, Columns=512)
    assert association.send_c_store(ds).Status == 0
    assert association.send_c_echo().Status == 0
    association.release()
    assert Instance.objects.count() == 1


def test_old_versions_and_weak_ciphers_are_refused(secured, authority):
    weak = _trusting(authority)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE+AES128:!AESGCM:!AESCCM")
    with (
        socket.create_connection(("127.0.0.1", secured.secure_port)) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        weak.wrap_socket(raw, server_hostname="127.0.0.1")


def test_plain_talk_on_the_secure_port_is_cut(secured):
    remote = register_peer(ae_title=AE_TITLE, address="127.0.0.1", port=secured.secure_port)

    assert "can't be reached" in dimse_client.echo(remote)


def test_client_certificate_is_asked_for_where_an_authority_is_named(
    own, authority, settings, peer, tmp_path
):
    settings.TWINSIGHT_DICOM_TLS_AUTHORITY = str(authority.path)
    other = tmp_path / "other"
    other.mkdir()
    strange = Authority(other, "strange").issue("scanner")
    with Listener(ae_title=AE_TITLE, bind="127.0.0.1", port=0, secure_port=0) as running:
        remote = register_peer(
            ae_title=AE_TITLE,
            address="127.0.0.1",
            port=running.secure_port,
            uses_tls=True,
            certificate_authority=authority.pem,
        )
        for certificate, is_welcome in ((own, True), (strange, False), (("", ""), False)):
            settings.TWINSIGHT_DICOM_TLS_CERTIFICATE, settings.TWINSIGHT_DICOM_TLS_KEY = map(
                str, certificate
            )
            assert (dimse_client.echo(remote) == "") is is_welcome


def test_silent_handshakes_keep_nobody_out(secured, connect, authority):
    silent = [socket.create_connection(("127.0.0.1", secured.secure_port)) for _ in range(12)]

    association = connect(_trusting(authority))

    assert association.send_c_echo().Status == 0
    association.release()
    for connection in silent:
        connection.close()


def test_peer_registered_for_tls_is_refused_without(secured):
    Peer.objects.update(uses_tls=True)
    remote = register_peer(ae_title=AE_TITLE, address="127.0.0.1", port=secured.port)

    assert "rejects the association" in dimse_client.echo(remote)
    event = AuditEvent.objects.get(act="refuse-association")
    assert event.details["reason"] == "the peer is registered to come by TLS"


def test_certificate_that_is_not_there_is_said_at_the_start(settings, peer):
    settings.TWINSIGHT_DICOM_TLS_CERTIFICATE = "/nowhere.pem"

    with pytest.raises(PeerError, match="TWINSIGHT_DICOM_TLS_CERTIFICATE"):
        Listener(ae_title=AE_TITLE, bind="127.0.0.1", port=0, secure_port=0)


def test_our_own_client_calls_by_tls(secured, authority):
    def echo(**options):
        remote = register_peer(
            ae_title=AE_TITLE, address="127.0.0.1", port=secured.secure_port, **options
        )
        return dimse_client.echo(remote)

    assert "can't be reached" in echo(uses_tls=True)
    assert echo(uses_tls=True, certificate_authority=authority.pem) == ""
    assert "can't be reached" in echo(uses_tls=False)


def test_another_authoritys_certificate_is_not_trusted(secured, tmp_path):
    folder = tmp_path / "strange"
    folder.mkdir()
    remote = register_peer(
        ae_title=AE_TITLE,
        address="127.0.0.1",
        port=secured.secure_port,
        uses_tls=True,
        certificate_authority=Authority(folder, "strange").pem,
    )

    assert "certificate" in dimse_client.echo(remote) or "signed" in dimse_client.echo(remote)


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")
def test_dcmtk_comes_by_tls(secured, authority):
    command = ["echoscu", "-v", "-aet", "SCANNER", "-aec", AE_TITLE, "+tla", "+cf", authority.path]
    command += ["127.0.0.1", str(secured.secure_port)]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 0, ran.stderr
