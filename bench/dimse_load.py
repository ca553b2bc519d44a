"""The load on the DICOM listener: C-STORE over one or several associations."""

import socket
import tempfile
import threading
import time
from pathlib import Path

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from bench.clients import Dicom, Measured
from bench.material import Identity, files

AE_TITLE = "TWSBENCH"


class NoAssociationError(Exception):
    """The server did not accept us; a registered peer may be missing."""


def associate(dicom: Dicom) -> Association:
    """Open an association for CT images without Nagle's delay."""
    ae = AE(ae_title=AE_TITLE)
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = ae.associate(dicom.host, dicom.port, ae_title=dicom.ae_title)
    if not association.is_established:
        message = f"{dicom.ae_title} refused {AE_TITLE}: register it with register_peer."
        raise NoAssociationError(message)
    wire = association.dul.socket
    if wire is not None and wire.socket is not None:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return association


def store(dicom: Dicom, plan: list[Identity], *, connections: int) -> Measured:
    """Store a plan over so many associations at once."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        paths = []
        for number, content in enumerate(files(plan)):
            path = Path(folder) / f"{number:05d}.dcm"
            path.write_bytes(content)
            paths.append(path)
        associations = [associate(dicom) for _ in range(connections)]
        latencies: list[float] = []
        errors: list[str] = []
        start = time.perf_counter()
        threads = [
            threading.Thread(
                target=_send, args=(association, paths[at::connections], latencies, errors)
            )
            for at, association in enumerate(associations)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
        for association in associations:
            association.release()
    return Measured(seconds, tuple(latencies), tuple(errors[:3]))


def _send(
    association: Association, paths: list[Path], latencies: list[float], errors: list[str]
) -> None:
    for path in paths:
        start = time.perf_counter()
        status = association.send_c_store(path)
        latencies.append(time.perf_counter() - start)
        if not status or status.Status != 0:
            errors.append(f"C-STORE status {status.Status if status else 'none'}")
            if not association.is_established:
                return
