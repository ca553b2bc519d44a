"""Bytes are durable before their rows are committed; without the one there is not the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connection

from archive.errors import StorageError
from archive.ingest.types import Outcome
from archive.models import AuditEvent, Instance, OutboxEvent, Project
from archive.storage.local import LocalBlobStore
from archive.storage.stores import blob_store
from tests.archive.ingest.test_services import instance, store
from tests.archive.ingest.test_statement import OTHER_STUDY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archive.storage.types import SpoolFile

    Keep = Callable[[LocalBlobStore, Iterable[SpoolFile]], None]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def unassigned() -> Project:
    """Return the project where unclaimed studies go; without it there is a decision to make."""
    project: Project
    project, _ = Project.objects.get_or_create(
        kind="unassigned", defaults={"name": "Unassigned", "slug": "unassigned"}
    )
    return project


def instances_that_others_see() -> int:
    """Count in a session of its own, which sees only what is committed."""
    values = connection.get_connection_params()
    with psycopg.connect(
        **{
            key: values[key]
            for key in ("host", "port", "user", "password", "dbname")
            if key in values
        }
    ) as other:
        row = other.execute("SELECT count(*) FROM archive_instance").fetchone()
    assert row is not None
    return int(row[0])


def test_rows_are_seen_only_once_the_bytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep: Keep = LocalBlobStore.keep
    seen = []

    def watched(self: LocalBlobStore, spools: Iterable[SpoolFile]) -> None:
        keep(self, spools)
        seen.append((Instance.objects.count(), instances_that_others_see()))

    monkeypatch.setattr(LocalBlobStore, "keep", watched)

    (result,) = store(instance())

    assert result.outcome is Outcome.STORED
    assert seen == [(1, 0)]
    assert instances_that_others_see() == 1


def test_disk_that_refuses_takes_the_rows_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: LocalBlobStore, _spools: Iterable[SpoolFile]) -> None:
        message = "The archive's disk failed."
        raise StorageError(message)

    with monkeypatch.context() as patch:
        patch.setattr(LocalBlobStore, "keep", refuse)
        (result,) = store(instance())

    assert result.outcome is Outcome.FAILED
    assert [kind.objects.count() for kind in (Instance, AuditEvent, OutboxEvent)] == [0, 0, 0]
    assert [r.outcome for r in store(instance())] == [Outcome.STORED]


def test_what_is_archived_is_kept_no_second_time() -> None:
    first, again = instance(1), b"other preamble".ljust(128) + instance(1)[128:]
    store(first)
    before = set(blob_store().digests())

    results = store(again, instance(2), instance(**OTHER_STUDY))

    outcomes = [result.outcome for result in results]
    assert outcomes == [Outcome.DUPLICATE, Outcome.STORED, Outcome.STORED]
    rows = set(Instance.objects.values_list("blob__sha256", flat=True))
    assert set(blob_store().digests()) == before | rows
    assert len(rows) == 3
