"""The trail: complete, untouchable, and without it nothing happens (T80, T81, T82)."""

from __future__ import annotations

import contextlib
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from archive.audit import services as audit
from archive.audit.fhir import fhir_audit_event
from archive.audit.types import Asker
from archive.models import ApiToken, AuditEvent, Collection
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY = "1.2.826.0.1.9.97"
PASSWORD = "a long enough password"


@pytest.fixture
def stored(project):
    store_datasets(
        make_dataset(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.1",
            Modality="CT",
            PatientName="Hidden^Name",
        ),
        project=project,
    )


def test_t80_audit_complete(stored, project, archive_admin, outsider) -> None:
    """T80: each kind of event once, with who, what, where and outcome; refused ones too."""
    client, stranger = Client(), Client()
    before = AuditEvent.objects.latest("pk").pk
    client.post("/login/", {"username": "archive_admin", "password": "wrong"})
    client.post("/login/", {"username": "archive_admin", "password": PASSWORD})
    client.get(f"/studies/{STUDY}/")
    client.get("/dicom-web/studies?PatientID=*")
    b"".join(client.get(f"/dicom-web/studies/{STUDY}").streaming_content)
    client.post(
        "/api/v1/uploads",
        {"files": _file("1.2.826.0.1.9.98")},
        headers={"X-CSRFToken": _token(client)},
    )
    client.post(f"/studies/{STUDY}/sharing/", {"kind": "grant", "username": "outsider"})
    client.post("/removals/new/", {"study": STUDY, "reason": "Wrong patient"})
    client.get("/audit/")
    stranger.force_login(outsider)
    stranger.get("/quarantine/")
    stranger.get(f"/studies/{STUDY}/")
    client.post("/logout/")

    found = {(row.event_id, row.act, row.outcome) for row in AuditEvent.objects.all()}
    wanted = {
        ("110114", "login", 4),
        ("110114", "login", 0),
        ("110103", "study", 0),
        ("110104", "retrieve", 0),
        ("110107", "store", 0),
        ("110113", "grant-study", 0),
        ("110105", "delete", 0),
        ("110101", "read-audit", 0),
        ("110113", "refuse-access", 4),
        ("110114", "logout", 0),
    }
    assert wanted <= found
    assert any(event == "110112" for event, _, _ in found)
    for row in AuditEvent.objects.filter(pk__gt=before):
        assert row.actor_name, row.act
        assert row.door, row.act
        resource = fhir_audit_event(row, source="TWINSIGHT")
        assert resource["type"]["display"] != "Unknown"
        assert "Hidden" not in str(resource), "no patient's name is on record"


def _file(study):
    data = as_part10(
        make_dataset(
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.1",
            Modality="CT",
        )
    )
    return io.BytesIO(data)


def _token(client):
    return client.get("/studies/").context["csrf_token"]


def test_t81_audit_tamper(stored) -> None:
    """T81: the application's role reads and adds to the trail; it changes, cuts, stops nothing."""
    audit.record_access(Asker(door="portal", name="x"), study_instance_uid=STUDY, what="study")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'twinsight_app'")
        if cursor.fetchone() is None:
            pytest.skip("no role twinsight_app: this is not the embedded database")
    call_command("restrict_database", "twinsight_app")
    with pytest.raises(CommandError, match="no database role"):
        call_command("restrict_database", "nobody_at_all")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE twinsight_app")
        audit.record_access(Asker(door="portal", name="y"), study_instance_uid=STUDY, what="study")
        assert AuditEvent.objects.filter(act="study").count() == 2
        Collection.objects.filter(pk=0).delete()
        for statement in (
            "UPDATE archive_auditevent SET act = 'else'",
            "DELETE FROM archive_auditevent",
            "TRUNCATE archive_auditevent",
            "DELETE FROM archive_auditseal",
            "ALTER TABLE archive_auditevent DISABLE TRIGGER ALL",
            "DROP TRIGGER auditevent_append_only ON archive_auditevent",
            "DROP TABLE archive_auditevent CASCADE",
            (
                "CREATE OR REPLACE FUNCTION archive_append_only() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RETURN NULL; END $$"
            ),
            "DELETE FROM django_migrations",
        ):
            with (
                pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
                transaction.atomic(),
            ):
                cursor.execute(statement)
        cursor.execute("RESET ROLE")


def test_t82_audit_atomic(stored, archive_admin, outsider) -> None:
    """T82: where nothing can be recorded, nothing is changed and nothing is given out."""
    client = Client(raise_request_exception=False)
    client.force_login(archive_admin)
    tokens = ApiToken.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION break_the_trail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the trail is broken'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON archive_auditevent"
            " FOR EACH STATEMENT EXECUTE FUNCTION break_the_trail()"
        )

    def answer(call):
        """Each in a transaction of its own, as in life."""
        with contextlib.suppress(DatabaseError), transaction.atomic():
            response = call()
            assert response.status_code >= 500, response.status_code
            assert b"Hidden" not in response.content
            raise DatabaseError

    answer(lambda: client.get(f"/studies/{STUDY}/"))
    answer(lambda: client.get(f"/dicom-web/studies/{STUDY}/metadata"))
    answer(lambda: client.post("/removals/new/", {"study": STUDY, "reason": "Wrong"}))
    answer(
        lambda: client.post(f"/studies/{STUDY}/sharing/", {"kind": "grant", "username": "outsider"})
    )
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER broken ON archive_auditevent")

    assert client.get(f"/studies/{STUDY}/").status_code == 200, "it was not deleted"
    assert ApiToken.objects.count() == tokens
