"""Tokens by role, scope and object; DICOM peers by account and verb (T20, T30, T37, T40).

`test_t30_default_deny` asks with sessions. Here the same people ask by tokens of every scope, and
by DICOM peers: what a token may is what its account may, and no more than its scopes.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from archive.access.services import create_api_token, register_peer
from archive.audit.types import Asker
from archive.dimse.listener import Listener
from archive.models import ApiToken, BulkJob, Instance, Membership
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import DICOM_MULTIPART, related
from tests.builders.stored import store_datasets

STUDY = "1.2.826.0.1.9.51"
# Who sees the study, and who may store into its project; the others are told that nothing is there.
ROLES = {
    "viewer": (True, False),
    "clinician": (True, True),
    "annotator": (True, False),
    "radiology_admin": (True, True),
    "system": (True, True),
    "researcher": (False, False),
    "auditor": (False, False),
    "": (False, False),
}
SCOPES = ("read", "write", "admin", "metrics")


@pytest.fixture
def study(project):
    store_datasets(
        make_dataset(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.1",
            PatientName="Hiddenperson^Ann",
            PatientID="HIDDEN-ID",
        ),
        project=project,
    )
    return STUDY


def _account(role, project):
    user = User.objects.create_user(f"holder-{role or 'nobody'}")
    if role:
        Membership.objects.create(user=user, role=role, project=project)
    return user


def _bearer(user, *scopes):
    secret = create_api_token(asker=Asker(door="test"), username=user.get_username(), scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def _body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


READS = (
    f"/dicom-web/studies/{STUDY}/metadata",
    f"/dicom-web/studies/{STUDY}",
    f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1/rendered",
    f"/api/v1/studies/{STUDY}",
    f"/api/v1/studies/{STUDY}/status",
    f"/studies/{STUDY}/",
)
LISTS = ("/dicom-web/studies", "/dicom-web/instances", "/api/v1/studies", "/studies/")


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_t40_tokens_by_role_and_scope(role, project, study) -> None:
    sees, _ = ROLES[role]
    user = _account(role, project)
    for scope in SCOPES:
        client = _bearer(user, scope)
        for path in READS:
            answer = client.get(path)
            body = _body(answer)
            if scope != "read":
                assert answer.status_code == 403, (role, scope, path)
            else:
                assert answer.status_code == (200 if sees else 404), (role, path, body[:200])
            if not sees or scope != "read":
                assert b"Hiddenperson" not in body
        for path in LISTS:
            answer = client.get(path)
            body = _body(answer)
            assert (answer.status_code in {200, 204}) == (scope == "read"), (role, scope, path)
            assert (STUDY.encode() in body) == (sees and scope == "read"), (role, scope, path)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_t40_tokens_store_by_role_and_scope(role, project, study) -> None:
    """Into a study that is there already: only with a storing role in its project."""
    _, stores = ROLES[role]
    user = _account(role, project)
    added = as_part10(
        make_dataset(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.2",
            PatientName="Hiddenperson^Ann",
            PatientID="HIDDEN-ID",
        )
    )
    for scope in ("read", "admin", "metrics", "write"):
        answer = _bearer(user, scope).post(
            "/dicom-web/studies", related([added]), content_type=DICOM_MULTIPART
        )
        is_let = stores and scope == "write"
        assert (answer.status_code == 200) == is_let, (role, scope, answer.content[:300])
        assert Instance.objects.count() == 1 + is_let, (role, scope)


@pytest.mark.django_db
def test_t40_tokens_make_no_way_in(admin_user) -> None:
    """Whoever found a token makes no account, password or address of it, whatever its scopes."""
    victim = User.objects.create_user("victim", password="as it was")
    for scopes in (("write",), SCOPES):
        client = _bearer(admin_user, *scopes)
        acts = (
            ("/account/", {"email": "evil@example.org", "theme": "system", "language": ""}),
            ("/account/sessions/", {}),
            ("/account/security/app/", {"code": "123456"}),
            ("/manage/users/new/", {"username": "evil", "is_user_admin": "on"}),
            (f"/manage/users/{victim.pk}/reset/", {}),
            (f"/manage/users/{victim.pk}/roles/", {"role": "viewer"}),
            ("/manage/clients/", {"name": "evil", "scopes": ["read"]}),
            ("/admin/archive/project/add/", {}),
        )
        for path, said in acts:
            answer = client.post(path, said)
            assert answer.status_code == 403, path
            assert answer.json()["code"] == "session-required", path
    assert not User.objects.filter(username="evil").exists()
    assert User.objects.filter(email="evil@example.org").count() == 0
    victim.refresh_from_db()
    assert victim.check_password("as it was")
    assert not Membership.objects.filter(user=victim).exists()
    assert _bearer(admin_user, *SCOPES).get("/manage/users/").status_code == 403
    assert _bearer(admin_user, *SCOPES).get("/admin/").status_code == 403


@pytest.mark.django_db
def test_t40_pages_want_the_scopes_of_their_twins_in_rest(project, study) -> None:
    """What REST tells and does for the scope `admin` alone, no other door gives for less."""
    user = _account("radiology_admin", project)
    reader, writer, admin = _bearer(user, "read"), _bearer(user, "write"), _bearer(user, "admin")
    for path in ("/audit/", "/audit/export/csv/", "/api/v1/audit"):
        assert reader.get(path).status_code == 403, path
        assert admin.get(path).status_code == 200, path
    said = {"study": STUDY, "reason": "by a token that may only write"}
    job = {"act": "delete", "studies": [STUDY], "options": {"reason": said["reason"]}}
    typed = {"content_type": "application/json"}
    for answer in (
        writer.post("/api/v1/removals", said, **typed),
        writer.post("/removals/new/", said),
        writer.post("/api/v1/jobs", job, **typed),
        writer.post("/studies/acts/delete/", {"studies": STUDY, "reason": said["reason"]}),
    ):
        assert answer.status_code == 403, answer.content
        assert answer.json()["code"] == "scope-missing"
    assert not BulkJob.objects.exists()
    both = _bearer(user, "write", "admin")
    assert both.post("/api/v1/jobs", job, **typed).status_code == 202


@pytest.mark.django_db
def test_t30_default_deny_of_tokens_that_are_over(project, study) -> None:
    user = _account("clinician", project)
    changes = (
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"revoked_at": timezone.now()},
    )
    for change in changes:
        client = _bearer(user, "read", "write")
        assert client.get(READS[0]).status_code == 200
        ApiToken.objects.update(**change)
        for path in READS + LISTS:
            assert client.get(path).status_code == 401, path
        ApiToken.objects.all().delete()
    client = _bearer(user, "read")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert {client.get(path).status_code for path in READS + LISTS} == {401}


FIND = StudyRootQueryRetrieveInformationModelFind
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove


def _ask_all(port: int, calling: str, received: list) -> dict[str, int]:
    """Find, get, move and store as a peer; count what came of each."""
    ae = AE(ae_title=calling)
    ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
    for sop_class in (FIND, GET, MOVE, CTImageStorage):
        ae.add_requested_context(sop_class)
    handlers = [(evt.EVT_C_STORE, lambda event: received.append(event) or 0x0000)]
    association = ae.associate(
        "127.0.0.1",
        port,
        ae_title="TWINTEST",
        ext_neg=[build_role(CTImageStorage, scu_role=True, scp_role=True)],
        evt_handlers=handlers,
    )
    came = {"find": 0, "get": 0, "move": 0, "store": 0}
    if not association.is_established:
        # Where nothing is allowed there is nothing to talk about.
        return came
    # A peer that may retrieve takes images back in C-GET, which is no right to store any.
    taken = {cx.abstract_syntax for cx in association.accepted_contexts if cx.as_scu}
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID, keys.PatientName = "STUDY", STUDY, ""
    if FIND in taken:
        came["find"] = sum(one is not None for _, one in association.send_c_find(keys, FIND))
    if GET in taken:
        list(association.send_c_get(keys, GET))
        came["get"] = len(received)
    if MOVE in taken:
        *_, (last, _) = association.send_c_move(keys, "NOWHERE", MOVE)
        assert last.Status != 0 or not last.get("NumberOfCompletedSuboperations")
    if CTImageStorage in taken:
        ds = make_dataset(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            PatientName="Hiddenperson^Ann",
            PatientID="HIDDEN-ID",
        )
        came["store"] = int(association.send_c_store(ds).Status == 0)
    association.release()
    return came


@pytest.mark.django_db(transaction=True)
def test_t37_dimse_scope_by_account_and_verb(project, other_project, study) -> None:
    """An AE asks with its account's rights; each verb is a right of its own."""
    every = {"may_query": True, "may_retrieve": True}
    cases = {
        # title: role, where, verbs -> found, got
        "VIEWER": ("viewer", project, every, 1, 1),
        "ADMIN": ("radiology_admin", project, every, 1, 1),
        "RESEARCH": ("researcher", project, every, 0, 0),
        "AUDITOR": ("auditor", project, every, 0, 0),
        "OTHERS": ("radiology_admin", other_project, every, 0, 0),
        "ASKSONLY": ("viewer", project, {"may_query": True}, 1, 0),
        "TAKESONLY": ("viewer", project, {"may_retrieve": True}, 0, 1),
        "NEITHER": ("radiology_admin", project, {}, 0, 0),
    }
    for title, (role, where, verbs, _, _) in cases.items():
        user = User.objects.create_user(title.lower())
        Membership.objects.create(user=user, role=role, project=where)
        register_peer(ae_title=title, address="127.0.0.1", account=user, may_store=False, **verbs)
    register_peer(ae_title="NOBODY", address="127.0.0.1", may_store=False, **every)
    register_peer(ae_title="SCANNER", address="127.0.0.1", project=other_project)
    with Listener(ae_title="TWINTEST", bind="127.0.0.1", port=0) as listener:
        for title, (_, _, _, found, got) in cases.items():
            came = _ask_all(listener.port, title, [])
            assert came == {"find": found, "get": got, "move": 0, "store": 0}, title
        assert _ask_all(listener.port, "NOBODY", []) == dict.fromkeys(
            ("find", "get", "move", "store"), 0
        )
        assert Instance.objects.count() == 1
        # A device adds to the study that it names, and sees nothing of it.
        came = _ask_all(listener.port, "SCANNER", [])
        assert came == {"find": 0, "get": 0, "move": 0, "store": 1}
