import socket

import pytest

from bench import orthanc as peer
from bench import processes
from bench.clients import Request


def test_a_free_port_can_be_bound() -> None:
    port = processes.free_port()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


@pytest.mark.interop
@pytest.mark.skipif(peer.orthanc_program() is None, reason="Orthanc is not installed")
def test_orthanc_runs_on_loopback_and_is_gone_afterwards() -> None:
    with peer.orthanc() as target:
        assert target.ask(Request("GET", "/dicom-web/studies")).status == 200
        assert target.dicom is not None
        with socket.create_connection(("127.0.0.1", target.dicom.port), timeout=5):
            pass
    with pytest.raises(OSError, match="refused"):
        target.ask(Request("GET", "/system"))
