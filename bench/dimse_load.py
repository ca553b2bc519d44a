"""The load on the DICOM listener: C-STORE over one or several associations, C-FIND, C-MOVE."""

import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from bench.clients import Dicom, Measured
from bench.dicom_sender import NoAssociationError, Sender, StoreFailedError, instance_of
from bench.material import Identity, files

AE_TITLE = "TWSBENCH"

__all__ = ["AE_TITLE", "NoAssociationError", "associate", "find_studies", "move_study", "store"]


def associate(dicom: Dicom) -> Sender:
    """Open an association for CT images."""
    return Sender(
        dicom.host,
        dicom.port,
        calling=AE_TITLE,
        called=dicom.ae_title,
        sop_class_uid=CTImageStorage,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )


def store(dicom: Dicom, plan: list[Identity], *, connections: int) -> Measured:
    """Store a plan over so many associations at once; every request is made beforehand."""
    senders = [associate(dicom) for _ in range(connections)]
    work: list[list[bytes]] = [[] for _ in senders]
    for number, (identity, content) in enumerate(zip(plan, files(plan), strict=True)):
        instance = instance_of(content, CTImageStorage, identity.instance)
        sender = senders[number % connections]
        work[number % connections].append(sender.prepare(instance, number))
    latencies: list[float] = []
    errors: list[str] = []
    threads = [
        threading.Thread(target=_send, args=(sender, requests, latencies, errors))
        for sender, requests in zip(senders, work, strict=True)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    return Measured(seconds, tuple(latencies), tuple(errors[:3]))


def _send(sender: Sender, requests: list[bytes], latencies: list[float], errors: list[str]) -> None:
    try:
        for request in requests:
            start = time.perf_counter()
            try:
                sender.store(request)
            except StoreFailedError as error:
                errors.append(str(error))
            latencies.append(time.perf_counter() - start)
        sender.release()
    except OSError as error:
        errors.append(repr(error)[:120])


def find_studies(dicom: Dicom, plan: list[Identity], count: int) -> Measured:
    """Ask for studies by Patient ID, each with an association of its own."""
    latencies: list[float] = []
    errors: list[str] = []
    begin = time.perf_counter()
    for number in range(count):
        keys = _keys("STUDY", PatientID=plan[number * 7 % len(plan)].patient_id)
        keys.PatientName = keys.StudyDate = keys.AccessionNumber = keys.StudyInstanceUID = ""
        start = time.perf_counter()
        association = _associate(dicom, StudyRootQueryRetrieveInformationModelFind)
        answers = list(association.send_c_find(keys, StudyRootQueryRetrieveInformationModelFind))
        association.release()
        latencies.append(time.perf_counter() - start)
        if len(answers) < 2 or answers[-1][0].get("Status") != 0:
            errors.append("C-FIND found nothing")
    return Measured(time.perf_counter() - begin, tuple(latencies), tuple(errors[:3]))


def move_study(dicom: Dicom, destination: str, plan: list[Identity]) -> Measured:
    """Have the plan's one study sent to the destination."""
    keys = _keys("STUDY", StudyInstanceUID=plan[0].study)
    model = StudyRootQueryRetrieveInformationModelMove
    association = _associate(dicom, model)
    start = time.perf_counter()
    statuses = [status for status, _ in association.send_c_move(keys, destination, model)]
    seconds = time.perf_counter() - start
    association.release()
    last = statuses[-1] if statuses else Dataset()
    errors = []
    if last.get("Status") != 0 or last.get("NumberOfCompletedSuboperations") != len(plan):
        errors.append(f"C-MOVE status {last.get('Status')}, {len(plan)} instances wanted")
    return Measured(seconds, (seconds,), tuple(errors), len(plan))


def _keys(level: str, **values: str) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(keys, keyword, value)
    return keys


def _associate(dicom: Dicom, sop_class_uid: str) -> Association:
    ae = AE(ae_title=AE_TITLE)
    ae.add_requested_context(sop_class_uid)
    association = ae.associate(dicom.host, dicom.port, ae_title=dicom.ae_title)
    if not association.is_established:
        message = f"{dicom.ae_title} refused {AE_TITLE}: register it with register_peer."
        raise NoAssociationError(message)
    return association
