"""Prepared questions answer as the querysets that they are built from, whoever asks."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.utils import timezone

from archive.models import Membership, Series, Study
from archive.models.prepared import Prepared
from tests.factories.archive import SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def series_of(user, uids, number, since, keys, *, is_shown):
    rows = Series.objects.visible_to(user).select_related("study__patient")
    rows = rows.filter(study__study_instance_uid__in=uids, study__created_at__gt=since)
    rows = rows.exclude(pk__in=keys).exclude(study_id=number)
    return (rows.filter(withheld="") if is_shown else rows).order_by("pk")


def test_everybody_is_answered_by_their_rights_and_values(
    project, other_project, unassigned, radiologist, colleague, outsider, archive_admin
):
    studies = [
        StudyFactory(projects=[place], is_deidentified=is_deidentified)
        for place in (project, other_project, unassigned)
        for is_deidentified in (True, False)
    ]
    for study in studies:
        for withheld in ("", "trial", "deleted"):
            SeriesFactory(study=study, withheld=withheld)
    researcher = User.objects.create_user("researcher")
    Membership.objects.create(user=researcher, project=project, role="researcher")
    asked = {exact: Prepared(series_of, is_exact=exact) for exact in (True, False)}
    uids = [study.study_instance_uid for study in studies]
    now = timezone.now()
    found = set()
    for user in (*(radiologist, colleague, outsider, archive_admin, researcher), AnonymousUser()):
        for wanted in (uids, uids[:3], uids[1:2], []):
            for since in (now - timedelta(days=1), now + timedelta(days=1)):
                for is_shown in (True, False):
                    values = {"uids": wanted, "number": studies[0].pk, "since": since}
                    values |= {"keys": [studies[1].pk, 0], "is_shown": is_shown}
                    expected = list(series_of(user, **values))
                    for prepared in asked.values():
                        rows = prepared(user, **values)
                        assert rows == expected
                        assert [vars(row.study.patient)["patient_name"] for row in rows] == [
                            row.study.patient.patient_name for row in expected
                        ]
                    found.add(len(expected))
    assert len(found) > 3


def test_a_written_statement_is_filled_in_and_not_written_again(
    radiologist, project, django_assert_num_queries
):
    built = []

    def uid_of(user, key):
        built.append(key)
        rows = Study.objects.visible_to(user).filter(pk=key)
        return rows.values_list("study_instance_uid", flat=True)

    prepared = Prepared(uid_of, is_exact=True)
    first, second = StudyFactory(projects=[project]), StudyFactory(projects=[project])
    assert prepared.first(radiologist, key=first.pk) == first.study_instance_uid
    # What the account holds is read as well, outside of a request.
    with django_assert_num_queries(2):
        assert prepared.first(radiologist, key=second.pk) == second.study_instance_uid
    assert len(built) == 1
    assert prepared(radiologist, key=0) == []
    # Who loses a right is answered by what they hold from then on.
    Membership.objects.filter(user=radiologist).delete()
    assert prepared(User.objects.get(pk=radiologist.pk), key=second.pk) == []


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_ended_since_the_last_request_is_opened_anew():
    prepared = Prepared(
        lambda _, key: User.objects.filter(pk=key).values_list("username"), is_exact=True
    )
    person = User.objects.create_user("reader")
    assert prepared.first(None, key=person.pk) == ("reader",)
    with psycopg.connect(**_parameters()) as other:
        lost = connection.connection.info.backend_pid
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])
    connection.health_check_done = False  # a request begins

    assert prepared.first(None, key=person.pk) == ("reader",)


def _parameters():
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    return parameters


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda _user, key: Study.objects.all(), ValueError),
        (lambda _user, key: Study.objects.filter(study_description__contains=key), ValueError),
        (lambda user, key: Study.objects.filter(pk=key if user.is_authenticated else 0), TypeError),
        (
            lambda user, key: Study.objects.filter(study_instance_uid=key, patient=user.pk),
            TypeError,
        ),
        (lambda user, key: Study.objects.filter(pk=key if user.is_superuser else 0), TypeError),
    ],
)
def test_what_cannot_be_filled_in_is_refused_when_it_is_written(build, error, radiologist):
    with pytest.raises(error):
        Prepared(build)(radiologist, key="CT_1%")
