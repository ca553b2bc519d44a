from collections.abc import Iterator

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom import AE, evt

from bench import dimse_load, material
from bench.clients import Dicom
from bench.material import identities


@pytest.fixture
def listener() -> Iterator[tuple[Dicom, list[str]]]:
    received: list[str] = []

    def store(event: evt.Event) -> int:
        received.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    ae = AE(ae_title="PEER")
    ae.add_supported_context(CTImageStorage)
    ae.require_called_aet = True
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    yield Dicom("127.0.0.1", server.server_address[1], "PEER"), received
    server.shutdown()


def test_a_plan_is_stored_over_all_associations(
    listener: tuple[Dicom, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = material.files
    monkeypatch.setattr(dimse_load, "files", lambda plan: real(plan, 64))
    dicom, received = listener
    plan = identities("dimse", 6, 3)
    measured = dimse_load.store(dicom, plan, connections=2)
    assert measured.errors == ()
    assert len(measured.latencies_s) == 6
    assert sorted(received) == sorted(identity.instance for identity in plan)


def test_a_refusal_is_told_with_what_to_do(listener: tuple[Dicom, list[str]]) -> None:
    dicom, _ = listener
    stranger = Dicom(dicom.host, dicom.port, "SOMEONEELSE")
    with pytest.raises(dimse_load.NoAssociationError, match="register_peer"):
        dimse_load.associate(stranger)
