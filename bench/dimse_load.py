"""The load on the DICOM listener: C-STORE over one or several associations, C-FIND, C-MOVE."""

import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRootFind
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as StudyRootMove

from bench.clients import Dicom, Measured
from bench.dicom_asker import FIND, MOVE, Asker, prepare
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


def find_dates(dicom: Dicom, count: int) -> Measured:
    """Ask for the studies of ten days with what lists show of them, as the peers' client does."""
    returned = dict.fromkeys(
        (
            "StudyInstanceUID",
            "PatientID",
            "PatientName",
            "ModalitiesInStudy",
            "NumberOfStudyRelatedInstances",
        ),
        "",
    )
    keys = _keys("STUDY", StudyDate="20150101-20150110", **returned)
    return _find(dicom, [keys] * count)


def find_studies(dicom: Dicom, plan: list[Identity], count: int) -> Measured:
    """Ask for studies by Patient ID, each with an association of its own."""
    returned = dict.fromkeys(
        ("PatientName", "StudyDate", "AccessionNumber", "StudyInstanceUID"), ""
    )
    ids = [plan[number * 7 % len(plan)].patient_id for number in range(count)]
    return _find(dicom, [_keys("STUDY", PatientID=one, **returned) for one in ids])


def _find(dicom: Dicom, questions: list[Dataset]) -> Measured:
    latencies: list[float] = []
    errors: list[str] = []
    begin = time.perf_counter()
    for keys in questions:
        request = prepare(FIND, StudyRootFind, keys)
        start = time.perf_counter()
        association = _asker(dicom, StudyRootFind)
        answers = list(association.ask(request))
        association.release()
        latencies.append(time.perf_counter() - start)
        if len(answers) < 2 or answers[-1].status or not answers[0].has_identifier:
            errors.append("C-FIND found nothing")
    return Measured(time.perf_counter() - begin, tuple(latencies), tuple(errors[:3]))


def move_study(dicom: Dicom, destination: str, plan: list[Identity]) -> Measured:
    """Have the plan's one study sent to the destination."""
    keys = _keys("STUDY", StudyInstanceUID=plan[0].study)
    request = prepare(MOVE, StudyRootMove, keys, destination=destination)
    association = _asker(dicom, StudyRootMove)
    start = time.perf_counter()
    answers = list(association.ask(request))
    seconds = time.perf_counter() - start
    association.release()
    last = answers[-1]
    errors = []
    if last.status or last.completed != len(plan):
        errors.append(f"C-MOVE status {last.status:04X}, {len(plan)} instances wanted")
    return Measured(seconds, (seconds,), tuple(errors), len(plan))


def _keys(level: str, **values: str) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(keys, keyword, value)
    return keys


def _asker(dicom: Dicom, sop_class_uid: str) -> Asker:
    return Asker(
        dicom.host,
        dicom.port,
        calling=AE_TITLE,
        called=dicom.ae_title,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=ImplicitVRLittleEndian,
    )
