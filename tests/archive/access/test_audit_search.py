"""The trail of years: what is rare in it is found by the summary of its stretches."""

from __future__ import annotations

import pytest
from django.db import connection

from archive.access import audit_search
from archive.access.audit_search import AuditFilters, search_trail
from archive.audit.types import Asker
from archive.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_what_is_rare_is_found_however_long_ago_and_page_by_page(
    archive_admin, monkeypatch
) -> None:
    monkeypatch.setattr(audit_search, "LATEST", 100)
    AuditEvent.objects.bulk_create(
        AuditEvent(
            event_id="110103",
            act="rare-act" if number % 200 == 7 else "study",
            action="R",
            door="portal",
            actor_name=f"reader{number % 3}",
            address="10.0.0.7" if number == 7 else "10.0.0.8",
        )
        for number in range(2000)
    )
    rows = AuditEvent.objects.filter(act="rare-act").order_by("pk")
    rare = list(rows.values_list("pk", flat=True))
    asker = Asker(door="portal", user=archive_admin)
    plans = []

    def note(execute, sql, params, many, context):
        if "+ %s) DESC" in sql and not sql.startswith("EXPLAIN"):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    seen, before = [], None
    with connection.execute_wrapper(note):
        for _ in range(4):
            filters = AuditFilters(act="rare-act")
            page = search_trail(asker=asker, filters=filters, before=before, number=3)
            seen += [row.pk for row in page.rows]
            before = page.next_before
        alone = search_trail(asker=asker, filters=AuditFilters(address="10.0.0.7"))
    assert seen == rare[::-1]
    assert before is None
    assert [row.pk for row in alone.rows] == [rare[0]]
    assert plans
    assert all("Bitmap" in plan and "Backward" not in plan for plan in plans), plans
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",)
    assert len(search_trail(asker=asker, filters=AuditFilters(user="reader1")).rows) == 50
