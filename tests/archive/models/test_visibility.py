"""The gate as SQL says the same as the gate as a queryset, for every person and level."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection

from archive.models import Instance, Membership, Patient, Series, Study
from archive.models.visibility import visibility
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db

JOINS = {
    "archive_series": "JOIN archive_series ON archive_series.id = archive_instance.series_id",
}


def seen(model, user):
    found = visibility(model, user)
    table = model._meta.db_table
    joins = " ".join(JOINS[name] for name in found.tables - {table})
    with connection.cursor() as cursor:
        sql = f"SELECT {table}.id FROM {table} {joins} WHERE {found.sql}"  # noqa: S608 our own
        cursor.execute(sql, found.params)
        return {row[0] for row in cursor.fetchall()}


@pytest.fixture
def archive(project, other_project, unassigned):
    for place in (project, other_project, unassigned):
        for is_deidentified in (True, False):
            study = StudyFactory(projects=[place], is_deidentified=is_deidentified)
            for withheld in ("", "trial", "rejected", "deleted"):
                series = SeriesFactory(study=study, withheld=withheld)
                InstanceFactory(series=series)
                InstanceFactory(series=series, withheld="deleted")
        StudyFactory(projects=[place], withheld="deleted")


@pytest.mark.parametrize("model", [Patient, Study, Series, Instance])
def test_sql_and_queryset_show_the_same(
    model, archive, radiologist, colleague, outsider, archive_admin, project
):
    researcher = User.objects.create_user("researcher")
    Membership.objects.create(user=researcher, project=project, role="researcher")
    nobody = User.objects.create_user("nobody")
    disabled = User.objects.create_user("disabled", is_active=False)
    Membership.objects.create(user=disabled, project=None, role="radiology_admin")

    counts = set()
    for user in (
        *(radiologist, colleague, outsider, archive_admin, researcher, nobody, disabled),
        AnonymousUser(),
    ):
        expected = set(model.objects.visible_to(user).values_list("pk", flat=True))
        assert seen(model, user) == expected
        counts.add(len(expected))

    assert 0 in counts
    assert len(counts) > 2


def test_what_is_revoked_holds_at_once(archive, radiologist):
    assert seen(Study, radiologist)

    radiologist.memberships.all().delete()

    assert not seen(Study, radiologist)
