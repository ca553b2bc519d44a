"""Months of the trail as files: whole, checked by themselves, and no word changed unnoticed."""

from __future__ import annotations

import gzip
import stat
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from archive.audit import services as audit
from archive.audit.chain import seal_new_records, verify_chain
from archive.audit.types import Asker
from archive.models import AuditEvent, AuditSeal

pytestmark = pytest.mark.django_db(transaction=True)


def _record(number: int) -> None:
    for place in range(number):
        audit.record_access(
            Asker(door="portal", name=f"reäder\u2028{place}"),
            study_instance_uid="1.2.3",
            what="study",
        )


def _grow_older(days: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE archive_auditseal DISABLE TRIGGER USER")
        AuditSeal.objects.update(sealed_at=timezone.now() - timedelta(days=days))
        cursor.execute("ALTER TABLE archive_auditseal ENABLE TRIGGER USER")


def _run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_export", *arguments, stdout=out)
    return out.getvalue()


def test_months_that_are_over_leave_as_files_and_are_checked(tmp_path) -> None:
    for _ in range(2):
        _record(3)
        seal_new_records()
    _grow_older(40)
    _record(2)
    seal_new_records()
    assert not verify_chain().flaws
    folder = tmp_path / "kept"

    said = _run(str(folder))

    (path,) = folder.iterdir()
    assert f"{path.name}: 6 records, 2 blocks." in said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert AuditEvent.objects.get(act="export-audit").event_id == "110101"
    before = path.read_bytes()
    assert "0 new files" in _run(str(folder))
    assert path.read_bytes() == before
    assert "6 records" in _run(str(folder), "--check")
    last = AuditSeal.objects.order_by("pk")[1].sha256
    assert last in _run(str(folder), "--check")
    assert not verify_chain(contains=last).flaws

    lines = gzip.decompress(before).splitlines(keepends=True)
    changes = {
        "changed": [line.replace(b'"1.2.3"', b'"1.2.4"') if n == 2 else line
                    for n, line in enumerate(lines)],
        "removed": lines[:3] + lines[4:],
        "a block removed": lines[4:],
        "seal": [lines[0].replace(b'"number_of_events": 3', b'"number_of_events": 2'), *lines[1:]],
    }  # fmt: skip
    for what, content in changes.items():
        path.write_bytes(gzip.compress(b"".join(content)))
        with pytest.raises(CommandError, match="not what was sealed"):
            _run(str(folder), "--check")
        assert content != lines, what


def test_what_was_tampered_with_is_not_passed_on(tmp_path) -> None:
    _record(3)
    seal_new_records()
    _grow_older(40)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE archive_auditevent DISABLE TRIGGER USER")
        AuditEvent.objects.filter(act="study").update(actor_name="somebody else")
        cursor.execute("ALTER TABLE archive_auditevent ENABLE TRIGGER USER")

    with pytest.raises(CommandError, match="audit_verify"):
        _run(str(tmp_path))

    assert not list(tmp_path.glob("*.gz"))
    with pytest.raises(CommandError, match="no files"):
        _run(str(tmp_path), "--check")
