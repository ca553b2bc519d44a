"""T88 merge_unmerge: patients are merged and parted while both get new images; nothing is lost."""

import threading

import pytest
from django.db import connections

from archive.corrections.patients import merge_patients
from archive.corrections.undoing import undo_correction
from archive.models import Instance, Patient, Study
from tests.archive.corrections.served import by, file_bytes, file_of, found
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_bytes

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = {"LOAD-1": "Doe^Jane", "LOAD-2": "Doe^Janet"}


def make(patient, study=None):
    more = {"StudyInstanceUID": study} if study else {}
    return make_dataset(PatientID=patient, PatientName=NAMES[patient], **more)


def test_t88_merge_unmerge(archive_admin, project):
    known = {patient: make(patient) for patient in NAMES}
    sent = {ds.SOPInstanceUID: (ds.PatientID, as_part10(ds)) for ds in known.values()}
    store_bytes(*(content for _, content in sent.values()), project=project)
    failures, stop = [], threading.Event()

    def keep_storing(patient):
        try:
            while not stop.is_set():
                # Into a study that may just be moving, and as a new one.
                for ds in (make(patient, known[patient].StudyInstanceUID), make(patient)):
                    content = as_part10(ds)
                    store_bytes(content, project=project)
                    sent[ds.SOPInstanceUID] = (patient, content)
        except BaseException as error:  # noqa: BLE001 told to the test
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=keep_storing, args=(patient,)) for patient in NAMES]
    for thread in threads:
        thread.start()
    source, target = (Patient.objects.get(dicom_patient_id=name) for name in ("LOAD-2", "LOAD-1"))
    try:
        for _ in range(3):
            correction = merge_patients(
                asker=by(archive_admin), source_id=source.pk, target_id=target.pk, reason="load"
            )
            uids = list(sent)
            assert len(found(archive_admin, PatientID="LOAD-2")) >= 2, "the former ID resolves"
            assert {file_of(uid).PatientID for uid in uids[-4:]} == {"LOAD-1"}
            undo_correction(asker=by(archive_admin), correction_id=correction.pk)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert failures == []
    assert Patient.objects.count() == 2
    assert Instance.objects.count() == len(sent)
    for patient in (source, target):
        uids = {uid for uid, (name, _) in sent.items() if name == patient.dicom_patient_id}
        held = Instance.objects.filter(series__study__patient=patient)
        assert sorted(held.values_list("sop_instance_uid", flat=True)) == sorted(uids)
    for uid, (_, content) in sent.items():
        assert file_bytes(uid) == bytes(128) + content[128:], "byte for byte as it came"
    counts = Study.objects.values_list("number_of_study_related_instances", flat=True)
    assert sum(counts) == len(sent)
