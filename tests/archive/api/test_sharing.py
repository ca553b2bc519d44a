"""Grants, links, emergencies and the audit trail by REST."""

from __future__ import annotations

import pytest
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import AuditEvent
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def client_of(username, *scopes):
    token = create_api_token(asker=Asker(door="command"), username=username, scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {token}"})


def test_sharing_by_programs(project, radiologist, outsider, archive_admin):
    uid = StudyFactory(projects=[project]).study_instance_uid
    owner, other = (client_of(one, "read", "write") for one in ("radiologist", "outsider"))
    grants = f"/api/v1/studies/{uid}/grants"
    assert other.get(grants).status_code == 404
    assert owner.post(grants, {"username": "nobody"}, **JSON).status_code == 400
    assert owner.post(grants, {"days": 0}, **JSON).status_code == 400

    made = owner.post(grants, {"username": "outsider", "days": 2}, **JSON)

    assert made.status_code == 201, made.content
    assert owner.post(grants, {"username": "outsider"}, **JSON).status_code == 409
    assert other.get(f"/api/v1/studies/{uid}").status_code == 200
    assert [one["username"] for one in owner.get(grants).json()["results"]] == ["outsider"]
    assert other.delete(f"/api/v1/grants/{made.json()['key']}").status_code == 404
    assert owner.delete(f"/api/v1/grants/{made.json()['key']}").status_code == 204
    assert other.get(f"/api/v1/studies/{uid}").status_code == 404

    assert other.post("/api/v1/links", {"study": uid}, **JSON).status_code == 404
    assert owner.post("/api/v1/links", {}, **JSON).status_code == 400
    link = owner.post("/api/v1/links", {"study": uid, "days": 1}, **JSON).json()
    assert Client().get(link["path"]).status_code == 302
    assert "path" not in owner.get("/api/v1/links").json()["results"][0]
    assert owner.delete(f"/api/v1/links/{link['key']}").status_code == 204
    assert Client().get(link["path"]).status_code == 404

    asked = {"patient_id": "PAT", "reason": "A reason that is long enough"}
    assert other.post("/api/v1/emergencies", asked, **JSON).status_code == 403, "a program"
    assert other.get("/api/v1/emergencies").json() == {"results": []}
    reading = client_of("archive_admin", "read", "admin")
    assert owner.get("/api/v1/audit").status_code == 403
    found = reading.get("/api/v1/audit", {"act": "grant-study", "limit": 1}).json()
    assert [row["study_instance_uid"] for row in found["results"]] == [uid]
    assert reading.get("/api/v1/audit", {"limit": 5000}).status_code == 400
    assert AuditEvent.objects.filter(act="read-audit", token_hint__startswith="tws_").exists()
