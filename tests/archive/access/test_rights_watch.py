"""Tokens and memberships are kept in memory, and forgotten the moment anything of them changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from archive.access import services
from archive.audit.types import Asker
from archive.models import ApiToken, Membership
from archive.models.memberships import memberships_kept, memberships_of
from archive.models.rights_watch import watch
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listening(settings) -> Iterator[None]:
    settings.TWINSIGHT_RIGHTS_KEPT_S = 60
    watch.start()
    wait_until(lambda: watch.is_listening)
    yield
    watch.stop()


@pytest.fixture
def token(radiologist: User) -> str:
    return services.create_api_token(
        asker=Asker(door="test"), username="radiologist", scopes=["read"]
    )


def queries(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def held(user: User) -> Any:
    with memberships_kept():
        return memberships_of(user)


def test_token_is_looked_up_once(listening: None, token: str) -> None:
    assert services.authenticate_token(token) is not None

    wait_until(lambda: queries(lambda: services.authenticate_token(token)) == 0)


def test_each_request_gets_an_account_object_of_its_own(listening: None, token: str) -> None:
    first, second = services.authenticate_token(token), services.authenticate_token(token)

    assert first is not None
    assert second is not None
    first.user.is_active = False
    assert second.user.is_active


def test_revoked_token_is_nobody_at_once(listening: None, token: str) -> None:
    services.authenticate_token(token)

    ApiToken.objects.update(revoked_at="2020-01-01T00:00Z")

    wait_until(lambda: services.authenticate_token(token) is None)


def test_token_of_a_disabled_account_is_nobody_at_once(
    listening: None, token: str, radiologist: User
) -> None:
    services.authenticate_token(token)

    type(radiologist).objects.update(is_active=False)

    wait_until(lambda: services.authenticate_token(token) is None)


def test_memberships_are_read_once_and_anew_after_a_change(
    listening: None, radiologist: User
) -> None:
    before = held(radiologist)
    # Notices of the fixtures' own changes may still be under way.
    wait_until(lambda: queries(lambda: held(radiologist)) == 0)

    Membership.objects.all().delete()

    wait_until(lambda: held(radiologist) == ())
    assert before != ()


def test_project_that_becomes_another_kind_is_heard_of(
    listening: None, radiologist: User, project: Project
) -> None:
    held(radiologist)
    projects = type(project).objects
    projects.filter(kind="unassigned").delete()  # there is one of them at most

    projects.filter(pk=project.pk).update(kind="unassigned")

    wait_until(lambda: held(radiologist)[0].project_kind == "unassigned")


def test_who_does_not_listen_keeps_nothing(listening: None, token: str) -> None:
    services.authenticate_token(token)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        wait_until(lambda: not watch.is_listening)

    assert queries(lambda: services.authenticate_token(token)) > 0
    wait_until(lambda: watch.is_listening)


def test_expired_token_is_nobody_though_it_is_kept(listening: None, token: str) -> None:
    services.authenticate_token(token)
    soon = timezone.now() + timedelta(seconds=0.3)
    ApiToken.objects.update(expires_at=soon)
    wait_until(lambda: services.authenticate_token(token) is None)


def test_notes_of_use_are_no_change_of_rights(token: str) -> None:
    parameters = connection.get_connection_params()
    for django_own in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(django_own, None)
    # Notices come in the order of what they tell of: nothing comes before the last one.
    with psycopg.connect(**parameters, autocommit=True) as listener:
        listener.execute("LISTEN twinsight_rights")
        ApiToken.objects.update(last_used_at="2020-01-01T00:00Z")
        user = services.authenticate_token(token).user  # and notes that it was used now
        type(user).objects.update(last_login="2020-01-01T00:00Z")
        connection.cursor().execute("NOTIFY twinsight_rights, 'the last one'")
        told = next(listener.notifies(timeout=60))

    assert told.payload == "the last one"
