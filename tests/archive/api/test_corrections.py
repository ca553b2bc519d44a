"""Corrections by REST: made, listed, undone; what is wrong is said, what is not there is not."""

import json

import pytest

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import Study
from tests.archive.corrections.served import file_of
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.0.1.9.7"


@pytest.fixture
def stored(project):
    return store_datasets(
        make_dataset(StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1"),
        make_dataset(StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.2"),
        make_dataset(PatientID="TEST-2", PatientName="Roe^Mary"),
        project=project,
    )


def ask(client, user, method, path, **body):
    client.force_login(user)
    if method == "get":
        return client.get(f"/api/v1/{path}")
    return getattr(client, method)(
        f"/api/v1/{path}", data=json.dumps(body), content_type="application/json"
    )


def test_corrections_are_made_listed_and_undone(client, stored, archive_admin, radiologist):
    uid = stored[0].sop_instance_uid
    (other,) = ask(client, archive_admin, "get", "patients?q=TEST-2").json()
    assert other["name"] == "Roe^Mary"
    patient = Study.objects.get(study_instance_uid=STUDY).patient_id
    wanted = [
        {"kind": "patient-edit", "patient": patient, "values": {"PatientName": "Roe^Jane"}},
        {"kind": "study-edit", "study_uid": STUDY, "values": {"StudyDate": "2024-03-01"}},
        {
            "kind": "series-edit",
            "study_uid": STUDY,
            "series_uids": [f"{STUDY}.1"],
            "values": {"SeriesDescription": "axial"},
        },
        {"kind": "study-split", "study_uid": STUDY, "series_uids": [f"{STUDY}.2"]},
        {"kind": "study-move", "study_uid": STUDY, "target_patient": other["id"]},
    ]
    made = []
    for body in wanted:
        answer = ask(client, archive_admin, "post", "corrections", reason="wrong", **body)
        assert answer.status_code == 201, answer.content
        made.append(answer.json()["id"])
    ds = file_of(uid)
    assert (ds.PatientID, ds.StudyDate, ds.SeriesDescription) == ("TEST-2", "20240301", "axial")
    listed = ask(client, archive_admin, "get", "corrections?limit=2").json()
    assert listed["count"] == 5
    assert listed["results"][0]["id"] == made[-1]
    assert ask(client, radiologist, "get", "corrections").status_code == 403

    for key in reversed(made):
        assert ask(client, archive_admin, "post", f"corrections/{key}/undo").status_code == 200

    assert file_of(uid).PatientName == "Doe^Jane"
    again = ask(client, archive_admin, "post", f"corrections/{made[0]}/undo")
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"kind": "study-edit", "reason": "x"}, 400),
        ({"kind": "nothing", "reason": "x"}, 400),
        (
            {"kind": "study-edit", "study_uid": STUDY, "values": {"StudyDate": "x"}, "reason": "x"},
            400,
        ),
        (
            {"kind": "study-edit", "study_uid": "1.2", "values": {"StudyID": "x"}, "reason": "x"},
            404,
        ),
        ({"kind": "study-edit", "study_uid": STUDY, "values": {"StudyID": "x"}, "reason": ""}, 400),
        ({"kind": "patient-merge", "patient": 1, "target_patient": 10**15, "reason": "x"}, 404),
    ],
)
def test_what_can_not_be_is_said(client, stored, archive_admin, body, status):
    answer = ask(client, archive_admin, "post", "corrections", **body)
    assert answer.status_code == status, answer.content


def test_a_legal_hold_refuses_deletion_by_every_door(client, stored, archive_admin, radiologist):
    path = f"studies/{STUDY}/legal-hold"
    assert ask(client, radiologist, "put", path, reason="x").status_code == 403
    assert ask(client, archive_admin, "put", path, reason="a lawsuit").status_code == 200
    secret = create_api_token(
        asker=Asker(door="test"),
        username="robot",
        scopes=["read", "write", "admin"],
        role="radiology_admin",
        projects=[None],
    )
    client.logout()
    refused = client.delete(
        f"/dicom-web/studies/{STUDY}", headers={"Authorization": f"Bearer {secret}"}
    )
    assert refused.status_code == 409
    assert ask(client, archive_admin, "delete", path).status_code == 204
