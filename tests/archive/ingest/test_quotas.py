"""A project's quota refuses a store before anything of it is kept, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection

from archive.dicomweb.statuses import failure_reason, http_status
from archive.dimse.statuses import OUT_OF_RESOURCES, store_status
from archive.ingest.types import IngestResult, Origin, Outcome
from archive.models import AuditEvent, Blob, Instance, Project, Quarantine, Study
from archive.storage.stores import blob_store
from tests.archive.ingest.test_services import instance, store

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

SIZE = len(instance(1))
OTHER_STUDY = {
    "StudyInstanceUID": "1.2.4",
    "SeriesInstanceUID": "1.2.4.1",
    "SOPInstanceUID": "1.2.4.1.1",
}


@pytest.fixture
def small(project: Project) -> Project:
    """A project with room for two instances."""
    project.quota_bytes = 2 * SIZE
    project.save()
    return project


def outcomes(results: list[IngestResult]) -> list[str]:
    return [result.outcome.value for result in results]


def test_what_fits_is_stored_and_the_rest_refused_with_nothing_kept(small: Project) -> None:
    origin = Origin(door="test", project=small)
    before = set(blob_store().digests())

    results = store(instance(1), instance(2), instance(3), origin=origin)

    assert outcomes(results) == ["stored", "stored", "failed"]
    error = results[2].error
    assert error is not None
    assert (error.code, small.name in error.message) == ("quota-exceeded", True)
    assert http_status(error) == 507
    assert (failure_reason(error), store_status(error)) == (OUT_OF_RESOURCES, OUT_OF_RESOURCES)
    rows = set(Blob.objects.values_list("sha256", flat=True))
    assert len(rows) == 2
    assert rows <= set(blob_store().digests()) <= rows | before
    assert Quarantine.objects.count() == 0
    assert AuditEvent.objects.filter(details__refused=1).exists()


def test_known_study_counts_where_it_lies(small: Project) -> None:
    store(instance(1), instance(2), origin=Origin(door="test", project=small))

    (result,) = store(instance(3), origin=Origin(door="test"))

    assert result.outcome is Outcome.FAILED


def test_other_projects_are_not_held_up(small: Project, other_project: Project) -> None:
    store(instance(1), instance(2), origin=Origin(door="test", project=small))

    (result,) = store(instance(**OTHER_STUDY), origin=Origin(door="test", project=other_project))

    assert result.outcome is Outcome.STORED


def test_what_is_archived_is_a_success_though_the_project_is_full(small: Project) -> None:
    origin = Origin(door="test", project=small)
    store(instance(1), instance(2), origin=origin)

    (result,) = store(instance(2), origin=origin)

    assert result.outcome is Outcome.DUPLICATE


def test_account_stores_into_its_own_project(small: Project, radiologist: User) -> None:
    results = store(
        *(instance(n) for n in range(1, 4)), origin=Origin(door="test", actor=radiologist)
    )

    assert outcomes(results).count("failed") == 1


def test_room_that_is_made_is_room_at_once(small: Project) -> None:
    origin = Origin(door="test", project=small)
    store(instance(1), instance(2), origin=origin)
    assert outcomes(store(instance(3), origin=origin)) == ["failed"]

    Study.objects.update(stored_bytes=0)

    assert outcomes(store(instance(3), origin=origin)) == ["stored"]
    assert Instance.objects.count() == 3


def test_quota_that_is_taken_away_refuses_nothing(small: Project) -> None:
    origin = Origin(door="test", project=small)
    store(instance(1), instance(2), origin=origin)
    Project.objects.update(quota_bytes=None)

    assert outcomes(store(instance(3), origin=origin)) == ["stored"]


def test_new_project_is_told_of_at_once() -> None:
    """What is kept in memory of quotas is forgotten by the database's notice (migration 0021)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_manipulation FROM information_schema.triggers"
            " WHERE trigger_name = 'project_rights'"
        )
        told = {row[0] for row in cursor.fetchall()}
    assert told == {"INSERT", "UPDATE", "DELETE"}
