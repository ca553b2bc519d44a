"""C-FIND with pynetdicom's SCU: models, levels, rights, cancel, statuses."""

from __future__ import annotations

from datetime import date

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import (
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from archive.access.services import register_peer
from archive.models import AuditEvent, Peer, ScheduledStep
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.usefixtures("workstation")
STUDY_ROOT = StudyRootQueryRetrieveInformationModelFind
PATIENT_ROOT = PatientRootQueryRetrieveInformationModelFind


@pytest.fixture
def stored(project, other_project, transactional_db):
    """Archive two studies of the chest clinic and one of another."""
    ours = [
        make_dataset(
            PatientID=f"P{number}",
            PatientName=name,
            StudyInstanceUID=f"1.2.{number}",
            SeriesInstanceUID=f"1.2.{number}.1",
            SOPInstanceUID=f"1.2.{number}.1.1",
            StudyDate=f"2024010{number}",
        )
        for number, name in ((1, "Müller^Änne"), (2, "Smith^John"))
    ]
    for ds in ours:
        ds.SpecificCharacterSet = "ISO_IR 192"
    theirs = make_dataset(
        PatientID="P3",
        PatientName="Smith^Other",
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.1",
        SOPInstanceUID="1.2.3.1.1",
    )
    return store_datasets(*ours, project=project) + store_datasets(theirs, project=other_project)


@pytest.fixture
def ask(listener):
    """Ask as WORKSTATION; return the final status and the pending answers."""

    def send(level=None, *, model=STUDY_ROOT, calling="WORKSTATION", ext_neg=(), **keys):
        ae = AE(ae_title=calling)
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
        ae.add_requested_context(model)
        association = ae.associate(
            "127.0.0.1", listener.port, ae_title="TWINTEST", ext_neg=list(ext_neg)
        )
        assert association.is_established
        ds = Dataset()
        if level:
            ds.QueryRetrieveLevel = level
        for keyword, value in keys.items():
            setattr(ds, keyword, value)
        answers = list(association.send_c_find(ds, model))
        association.release()
        return answers[-1][0], answers[:-1]

    return send


def test_studies_of_the_accounts_projects_are_found(ask, stored):
    status, answers = ask("STUDY", PatientName="", StudyInstanceUID="")

    assert status.Status == 0
    assert [code.Status for code, _ in answers] == [0xFF00, 0xFF00]
    assert {ds.StudyInstanceUID for _, ds in answers} == {"1.2.1", "1.2.2"}
    assert {str(ds.PatientName) for _, ds in answers} == {"Müller^Änne", "Smith^John"}
    assert {ds.RetrieveAETitle for _, ds in answers} == {"TWINTEST"}


@pytest.mark.parametrize(
    ("level", "keys", "expected"),
    [
        ("STUDY", {"PatientName": "SMITH*"}, ["1.2.2"]),
        ("STUDY", {"StudyDate": "20240101-20240101"}, ["1.2.1"]),
        ("STUDY", {"StudyInstanceUID": ["1.2.1", "1.2.3"]}, ["1.2.1"]),
        ("SERIES", {"StudyInstanceUID": "1.2.2", "SeriesInstanceUID": ""}, ["1.2.2"]),
        ("IMAGE", {"StudyInstanceUID": "1.2.2", "SeriesInstanceUID": "1.2.2.1"}, ["1.2.2"]),
        ("STUDY", {"StudyInstanceUID": "1.2.3"}, []),
    ],
)
def test_keys_narrow_the_search(ask, stored, level, keys, expected):
    _, answers = ask(level, **{"StudyInstanceUID": "", **keys})

    assert [ds.StudyInstanceUID for _, ds in answers] == expected


def test_patients_are_found_in_the_patient_root_model_alone(ask, stored):
    status, answers = ask("PATIENT", model=PATIENT_ROOT, PatientID="", PatientName="")
    refused, none = ask("PATIENT", PatientID="")

    assert status.Status == 0
    assert {ds.PatientID for _, ds in answers} == {"P1", "P2"}
    assert (refused.Status, none) == (0xA900, [])


def test_key_that_is_not_supported_is_said_to_be_so(ask, stored):
    _, answers = ask("STUDY", StudyInstanceUID="", PixelSpacing="")

    assert {code.Status for code, _ in answers} == {0xFF01}


def test_unknown_level_and_malformed_values_are_refused_with_their_reason(ask, stored):
    unknown, _ = ask("FRAME")
    missing, _ = ask(PatientID="")
    malformed, _ = ask("STUDY", StudyInstanceUID="1..2")

    assert (unknown.Status, missing.Status) == (0xA900, 0xA900)
    assert malformed.Status == 0xC000
    assert "UID" in malformed.ErrorComment


def test_peer_without_account_sees_nothing(ask, stored):
    register_peer(ae_title="NOBODY", address="127.0.0.1", may_query=True)

    status, answers = ask("STUDY", calling="NOBODY", StudyInstanceUID="")

    assert (status.Status, answers) == (0, [])


def test_who_may_not_query_gets_no_context(listener, stored):
    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(STUDY_ROOT)
    association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST")

    assert not association.is_established


def test_right_taken_back_counts_at_once(listener, stored, workstation):
    ae = AE(ae_title="WORKSTATION")
    ae.add_requested_context(STUDY_ROOT)
    association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST")
    Peer.objects.update(may_query=False)
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"

    ((status, _),) = association.send_c_find(ds, STUDY_ROOT)

    assert status.Status == 0x0124
    association.release()


def test_cancelled_query_stops(listener, project, workstation):
    store_datasets(
        *(
            make_dataset(StudyInstanceUID=f"1.2.{n}", SeriesInstanceUID=f"1.2.{n}.1")
            for n in range(1, 80)
        ),
        project=project,
    )
    ae = AE(ae_title="WORKSTATION")
    ae.add_requested_context(STUDY_ROOT)
    association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST")
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = ""
    answers = association.send_c_find(ds, STUDY_ROOT, msg_id=7)
    association.send_c_cancel(7, query_model=STUDY_ROOT)

    statuses = [status.Status for status, _ in answers]

    assert statuses[-1] == 0xFE00
    assert len(statuses) < 80
    association.release()


def test_negotiated_extensions_are_those_served(listener, stored):
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = STUDY_ROOT
    item.service_class_application_information = b"\x01\x01\x01\x01\x01"
    ae = AE(ae_title="WORKSTATION")
    ae.add_requested_context(STUDY_ROOT)
    association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST", ext_neg=[item])

    assert association.acceptor.sop_class_extended == {STUDY_ROOT: b"\x01\x01\x01"}
    association.release()


def test_query_is_audited_with_its_keys_and_without_values(ask, stored, radiologist):
    ask("STUDY", PatientName="Smith*")

    event = AuditEvent.objects.get(act="find-study")
    assert (event.event_id, event.actor, event.door) == ("110112", radiologist, "dimse")
    assert event.details == {"peer": "WORKSTATION", "keys": ["PatientName", "QueryRetrieveLevel"]}


def test_modality_worklist_gives_scheduled_steps(ask, project, other_project):
    for number, where in ((1, project), (2, other_project)):
        ScheduledStep.objects.create(
            project=where,
            dicom_patient_id=f"P{number}",
            patient_name="Doe^Jane",
            study_instance_uid=f"1.2.{number}",
            requested_procedure_id="R1",
            scheduled_step_id="S1",
            modality="CT",
            scheduled_date=date(2026, 11, 22),
        )
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledProcedureStepStartDate = "20261101-20261130"

    status, answers = ask(
        model=ModalityWorklistInformationFind,
        PatientID="",
        PatientName="DOE*",
        ScheduledProcedureStepSequence=[step],
    )

    assert status.Status == 0
    assert [ds.PatientID for _, ds in answers] == ["P1"]
    assert answers[0][1].ScheduledProcedureStepSequence[0].Modality == "CT"
    assert answers[0][0].Status == 0xFF00


def test_worklist_says_that_a_key_is_not_matched(ask, project):
    ScheduledStep.objects.create(
        project=project,
        dicom_patient_id="P1",
        patient_name="Doe^Jane",
        study_instance_uid="1.2.1",
        requested_procedure_id="R1",
        scheduled_step_id="S1",
        modality="CT",
        scheduled_date=date(2026, 11, 22),
    )

    status, answers = ask(
        model=ModalityWorklistInformationFind, PatientID="", InstitutionName="Elsewhere"
    )

    assert status.Status == 0
    assert [(answer.Status, ds.PatientID) for answer, ds in answers] == [(0xFF01, "P1")]
