"""The chain over the audit trail: whole as it grows, broken by whoever touches a record."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from archive.audit import chain
from archive.audit import services as audit
from archive.audit.types import Asker
from archive.models import AuditEvent, AuditSeal

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKER = Asker(door="portal", name="somebody", address="127.0.0.1")
pytestmark = pytest.mark.django_db(transaction=True)


def record(number: int) -> list[int]:
    before = AuditEvent.objects.count()
    for at in range(number):
        audit.record_access(ASKER, study_instance_uid=f"1.2.{at}", what="study")
    return list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))[before:]


@contextmanager
def another_connection() -> Iterator[psycopg.Connection]:
    """Open a session of its own, as another process would; it is rolled back in the end."""
    parameters = connection.get_connection_params()
    for django_own in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(django_own, None)
    with psycopg.connect(**parameters) as other:
        yield other
        other.rollback()


@contextmanager
def as_superuser() -> Iterator[None]:
    """Do what only the owner of the database can: pass the triggers by."""
    with connection.cursor() as cursor:
        for able in ("DISABLE", "ENABLE"):
            for table in ("archive_auditevent", "archive_auditseal"):
                cursor.execute(f"ALTER TABLE {table} {able} TRIGGER USER")
            if able == "DISABLE":
                yield


def test_records_are_sealed_in_blocks_that_follow_each_other(monkeypatch) -> None:
    monkeypatch.setattr(chain, "BLOCK", 4)
    record(10)

    assert chain.seal_new_records() == 10
    record(1)
    assert chain.seal_new_records() == 1
    assert chain.seal_new_records() == 0

    counts = list(AuditSeal.objects.order_by("pk").values_list("number_of_events", flat=True))
    assert counts == [4, 4, 2, 1]
    verdict = chain.verify_chain()
    assert (verdict.flaws, verdict.seals, verdict.records, verdict.unsealed) == ((), 4, 11, 0)


def test_a_record_in_hand_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key is smaller than that of a record which is there already."""
    with another_connection() as writer:
        drawn = writer.execute(
            "INSERT INTO archive_auditevent (recorded_at, event_id, act, action, outcome,"
            " actor_name, token_hint, door, study_instance_uid, details) VALUES"
            " (now(), '110103', 'late', 'R', 0, '', '', 'portal', '', '{}') RETURNING id"
        ).fetchone()
        (second,) = record(1)
        assert drawn is not None
        assert drawn[0] < second

        assert chain.seal_new_records() == 0
        monkeypatch.setattr(chain, "_WAIT_S", 60)
        committing = threading.Timer(0.2, writer.commit)
        committing.start()
        assert chain.seal_new_records() == 2
        committing.join()

    assert chain.verify_chain().flaws == ()


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE archive_auditevent SET actor_name = 'else' WHERE id = %s", "was changed"),
        ("UPDATE archive_auditevent SET details = '{\"a\": 1}' WHERE id = %s", "was changed"),
        ("DELETE FROM archive_auditevent WHERE id = %s", "is gone"),
    ],
)
def test_t81_audit_tamper_by_a_superuser_is_named(statement: str, what: str, capsys) -> None:
    """T81: the triggers refuse; who passes them by is found, with the record."""
    keys = record(5)
    chain.seal_new_records()
    with pytest.raises(ProgrammingError, match="only added to"), transaction.atomic():
        connection.cursor().execute(statement, [keys[2]])

    with as_superuser(), connection.cursor() as cursor:
        cursor.execute(statement, [keys[2]])

    (flaw,) = chain.verify_chain().flaws
    assert (flaw.record, flaw.what) == (keys[2], what)
    with pytest.raises(CommandError):
        call_command("audit_verify")
    assert f"record {keys[2]}: {what}" in capsys.readouterr().out


def test_seals_are_only_added_to_and_a_lost_end_is_betrayed() -> None:
    record(3)
    chain.seal_new_records()
    kept = chain.verify_chain().last_sha256
    with pytest.raises(ProgrammingError, match="only added to"), transaction.atomic():
        AuditSeal.objects.update(sha256="0" * 64)
    with pytest.raises(ProgrammingError, match="only added to"), transaction.atomic():
        AuditSeal.objects.all().delete()

    with as_superuser(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM archive_auditevent")
        cursor.execute("DELETE FROM archive_auditseal")

    assert chain.verify_chain().flaws == ()
    assert [flaw.what for flaw in chain.verify_chain(contains=kept).flaws]


def test_a_record_slipped_in_and_a_rewritten_seal_are_found() -> None:
    keys = record(3)
    chain.seal_new_records()
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM archive_auditevent WHERE id = %s", [keys[1]])
        cursor.execute(
            "INSERT INTO archive_auditevent SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', %s::bigint, 'act', 'harmless'))).* FROM archive_auditevent e WHERE id = %s",
            [keys[1], keys[0]],
        )
        cursor.execute("UPDATE archive_auditseal SET number_of_events = 4")

    found = {(flaw.record, flaw.what) for flaw in chain.verify_chain().flaws}
    assert found == {(keys[1], "was changed"), (None, "was changed")}


def test_two_sealers_at_once_make_one_chain() -> None:
    record(200)

    def seal() -> None:
        try:
            chain.seal_new_records()
        finally:
            connection.close()

    sealers = [threading.Thread(target=seal) for _ in range(3)]
    for one in sealers:
        one.start()
    for one in sealers:
        one.join()

    verdict = chain.verify_chain()
    assert (verdict.flaws, verdict.records) == ((), 200)
