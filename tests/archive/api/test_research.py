"""Research by REST: what patients said, and for whom pseudonyms stand."""

from __future__ import annotations

import pytest

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import Patient, Project
from archive.research.pseudonyms import note_study, open_realm, project_realm_name
from tests.builders.identified import NUMBER, make_identified
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings, tmp_path):
    settings.TWINSIGHT_PSEUDONYM_KEYS_PATH = tmp_path / "PSEUDONYM_KEYS"


@pytest.fixture
def study(project):
    (stored,) = store_datasets(make_identified(), project=project)
    return stored.series.study


def bearer(user, *scopes):
    secret = create_api_token(
        asker=Asker(door="tests"), username=user.get_username(), scopes=list(scopes)
    )
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


def test_a_refusal_is_put_and_read(client, archive_admin, radiologist, outsider, study):
    address = f"/api/v1/studies/{study.study_instance_uid}/research"
    as_admin = bearer(archive_admin, "read", "write")
    said = {"is_refused": True, "reason": "By letter"}

    def put(values, **credentials):
        return client.put(address, values, "application/json", **credentials)

    assert client.get(address, **as_admin).json() == {"is_refused": False, "decisions": []}
    assert put({"is_refused": True}, **as_admin).status_code == 400
    done = put(said, **as_admin)
    assert (done.status_code, done.json()["is_refused"]) == (200, True)
    assert done.json()["decisions"][0]["by"] == "archive_admin"
    assert put(said, **as_admin).status_code == 409
    assert Patient.objects.get().is_research_refused
    for user, status in ((radiologist, 403), (outsider, 404)):
        assert put(said, **bearer(user, "write")).status_code == status
        assert client.get(address, **bearer(user, "read")).status_code == status
    assert put(said, **bearer(archive_admin, "read")).status_code == 403
    assert client.get("/api/v1/studies/none/research", **as_admin).status_code == 404


def test_for_whom_a_pseudonym_stands_wants_the_scope_of_administering(
    client, archive_admin, radiologist, study
):
    project = Project.objects.create(name="Lung", slug="lung", is_deidentified=True)
    realm = project_realm_name(project.pk)
    code = note_study(open_realm(realm), study)
    said = {"realm": realm, "code": code, "reason": "Urgent finding"}

    def ask(user, scope, **more):
        return client.post(
            "/api/v1/reidentifications",
            {**said, **more},
            "application/json",
            **bearer(user, scope),
        )

    told = ask(archive_admin, "admin")
    assert told.json()["patient_id"] == NUMBER
    assert told.json()["studies"] == [study.study_instance_uid]
    assert ask(archive_admin, "write").status_code == 403
    assert ask(radiologist, "admin").status_code == 403
    assert ask(archive_admin, "admin", code="0").status_code == 404
    assert ask(archive_admin, "admin", reason="").status_code == 400
