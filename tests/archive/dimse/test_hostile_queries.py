"""Queries and retrievals that don't behave, and who may ask what (RELIABILITY T20, T21, T37)."""

from __future__ import annotations

import socket
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE, C_STORE, N_ACTION
from pynetdicom.sop_class import (
    CTImageStorage,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from archive.access.services import register_peer
from archive.models import AuditEvent, Instance, StorageCommitment
from tests.archive.dimse.conftest import AE_TITLE, stray_files
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.waiting import wait_until

FIND = StudyRootQueryRetrieveInformationModelFind
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove
pytestmark = pytest.mark.usefixtures("workstation")


@pytest.fixture
def associate_as(listener):
    """Open associations for every service."""
    opened = []

    def open_association(calling="WORKSTATION", *, called=AE_TITLE, handlers=(), classes=()):
        ae = AE(ae_title=calling)
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
        for sop_class in classes or (
            Verification,
            FIND,
            GET,
            MOVE,
            StorageCommitmentPushModel,
            CTImageStorage,
        ):
            ae.add_requested_context(sop_class)
        association = ae.associate(
            "127.0.0.1",
            listener.port,
            ae_title=called,
            ext_neg=[build_role(CTImageStorage, scu_role=True, scp_role=True)],
            evt_handlers=list(handlers),
        )
        opened.append(association)
        return association

    yield open_association
    for association in opened:
        if association.is_established:
            association.release()


def _send(association, sop_class, message, content):
    """Send a request with a data set of any bytes; return the first answer, or None."""
    message.MessageID = 7
    if isinstance(message, N_ACTION):
        message.RequestedSOPClassUID = sop_class
        message.RequestedSOPInstanceUID = "1.2.840.10008.1.20.1.1"
        message.ActionTypeID = 1
        message.ActionInformation = BytesIO(content)
    else:
        message.AffectedSOPClassUID = sop_class
        message.Priority = 0
        message.Identifier = BytesIO(content)
    if isinstance(message, C_MOVE):
        message.MoveDestination = "WORKSTATION"
    (context,) = [cx for cx in association.accepted_contexts if cx.abstract_syntax == sop_class]
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(message, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return answer


_NESTED = b"\x08\x00\x15\x11\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
_GARBAGE = {
    "empty": b"",
    "ones": b"\xff" * 100,
    "lying": b"\x08\x00\x52\x00\xf0\xff\xff\x7fSTUDY",
    "nested": _NESTED * 5000,
    "level-nul": b"\x08\x00\x52\x00\x06\x00\x00\x00STU\x00DY",
    "wild": b"\x08\x00\x52\x00\x06\x00\x00\x00STUDY "
    b"\x10\x00\x10\x00\xd0\x07\x00\x00" + b"*?" * 1000,
    "sql": b"\x08\x00\x52\x00\x06\x00\x00\x00STUDY "
    b"\x20\x00\x0d\x00\x10\x00\x00\x00"
    b"1' OR '1'='1 -- ",
}


@pytest.mark.parametrize("name", _GARBAGE)
@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [(FIND, C_FIND), (GET, C_GET), (MOVE, C_MOVE), (StorageCommitmentPushModel, N_ACTION)],
)
def test_t21_malformed_identifiers_are_answered_with_a_failure(associate_as, name, sop_class, kind):
    association = associate_as(classes=(Verification, sop_class))
    if name == "empty":
        # Announced and never sent: the listener waits for it, and others do not.
        association.dimse_timeout = 2

    answer = _send(association, sop_class, kind(), _GARBAGE[name])

    assert answer is None or (answer.Status not in {0x0000, 0xFF00, 0xFF01})
    assert associate_as().send_c_echo().Status == 0
    assert not StorageCommitment.objects.exists()


def test_t21_identifier_that_never_ends_is_aborted(associate_as, listener):
    association = associate_as(classes=(FIND,))

    answer = _send(association, FIND, C_FIND(), bytes(2_000_000))

    assert answer is None
    wait_until(lambda: not listener.associations)
    assert associate_as().send_c_echo().Status == 0


def test_request_in_a_context_of_something_else_is_aborted(associate_as, listener):
    association = associate_as(classes=(Verification,))
    message = C_FIND()
    message.MessageID, message.Priority = 1, 0
    message.AffectedSOPClassUID = FIND
    message.Identifier = BytesIO(b"\x08\x00\x52\x00\x06\x00\x00\x00STUDY ")
    association.dimse.send_msg(message, association.accepted_contexts[0].context_id)

    wait_until(lambda: not listener.associations)


def test_store_in_a_context_for_retrieval_alone_is_aborted(associate_as, listener):
    register_peer(ae_title="READER", address="127.0.0.1", may_store=False, may_retrieve=True)
    association = associate_as("READER", classes=(GET, CTImageStorage))
    (context,) = [
        cx for cx in association.accepted_contexts if cx.abstract_syntax == CTImageStorage
    ]
    message = C_STORE()
    message.MessageID, message.Priority = 1, 0
    message.AffectedSOPClassUID, message.AffectedSOPInstanceUID = CTImageStorage, "1.2.3"
    message.DataSet = BytesIO(b"\x08\x00\x18\x00\x06\x00\x00\x001.2.3\0")

    association.dimse.send_msg(message, context.context_id)

    wait_until(lambda: not listener.associations)
    assert Instance.objects.count() == 0
    assert stray_files() == []


def test_peer_that_hangs_up_during_a_get_leaves_nothing(associate_as, listener, project):
    store_datasets(*(make_dataset(StudyInstanceUID="1.2.1") for _ in range(5)), project=project)

    def hang_up(_event):
        # Closed here, its number would be gone under the library's own thread.
        wire.shutdown(socket.SHUT_RDWR)
        return 0

    association = associate_as(handlers=[(evt.EVT_C_STORE, hang_up)])
    wire = association.dul.socket.socket
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", "1.2.1"

    list(association.send_c_get(keys, GET))

    wait_until(lambda: not listener.associations)
    wire.close()
    assert associate_as().send_c_echo().Status == 0


def test_peer_that_answers_a_store_with_something_else_is_aborted(associate_as, listener, project):
    store_datasets(*(make_dataset(StudyInstanceUID="1.2.1") for _ in range(2)), project=project)
    association = associate_as()

    def answer_with_a_request(_event):
        message = C_STORE()
        message.MessageID, message.Priority = 9, 0
        message.AffectedSOPClassUID, message.AffectedSOPInstanceUID = CTImageStorage, "1.2.9"
        message.DataSet = BytesIO(bytes(100_000))
        (context,) = [
            cx for cx in association.accepted_contexts if cx.abstract_syntax == CTImageStorage
        ]
        association.dimse.send_msg(message, context.context_id)
        return 0

    association.bind(evt.EVT_C_STORE, answer_with_a_request)
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", "1.2.1"

    list(association.send_c_get(keys, GET))

    wait_until(lambda: not listener.associations)
    assert stray_files() == []
    assert Instance.objects.count() == 2


@pytest.mark.parametrize(
    ("calling", "called"),
    [("STRANGER", AE_TITLE), ("WORKSTATION", "ANYBODY"), ("ELSEWHERE", AE_TITLE)],
)
def test_t20_dimse_acl_rejects_strangers_whatever_they_want(associate_as, calling, called):
    register_peer(ae_title="ELSEWHERE", address="192.0.2.7", may_query=True)

    association = associate_as(calling, called=called)

    assert association.is_rejected
    event = AuditEvent.objects.get(act="refuse-association")
    assert (event.event_id, event.outcome, event.door) == ("110113", 4, "dimse")
    assert (event.actor_name, event.details["called"]) == (calling, called)
    assert event.address == "127.0.0.1"


def test_t20_dimse_acl_refusal_that_keeps_coming_is_put_on_record_once(associate_as):
    for _ in range(3):
        assert associate_as("STRANGER").is_rejected

    assert AuditEvent.objects.filter(act="refuse-association").count() == 1


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ({}, {Verification, StorageCommitmentPushModel, CTImageStorage}),
        ({"may_store": False}, {Verification}),
        ({"may_store": False, "may_query": True}, {Verification, FIND}),
        ({"may_store": False, "may_retrieve": True}, {Verification, GET, MOVE, CTImageStorage}),
    ],
)
def test_t20_dimse_acl_of_each_verb(associate_as, options, accepted):
    register_peer(ae_title="LIMITED", address="127.0.0.1", **options)

    association = associate_as("LIMITED")

    assert {cx.abstract_syntax for cx in association.accepted_contexts} == accepted


def test_t37_dimse_scope_of_one_project_finds_and_moves_nothing_of_another(
    associate_as, project, other_project, outsider
):
    store_datasets(make_dataset(StudyInstanceUID="1.2.1"), project=project)
    register_peer(
        ae_title="THEIRS",
        address="127.0.0.1",
        port=9,
        account=outsider,
        may_query=True,
        may_retrieve=True,
        is_move_destination=True,
    )
    association = associate_as("THEIRS")
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", "1.2.1"

    found = list(association.send_c_find(keys, FIND))
    got = list(association.send_c_get(keys, GET))
    moved = list(association.send_c_move(keys, "THEIRS", MOVE))

    assert [status.Status for status, _ in found] == [0]
    for ((status, _),) in (got, moved):
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0, 0)
    association.release()


def test_t37_dimse_scope_ends_with_the_account_at_once(associate_as, project, radiologist):
    store_datasets(make_dataset(StudyInstanceUID="1.2.1"), project=project)
    association = associate_as()
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", "1.2.1"
    assert len(list(association.send_c_find(keys, FIND))) == 2

    radiologist.is_active = False
    radiologist.save()

    assert len(list(association.send_c_find(keys, FIND))) == 1
