from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from archive.models import ApiToken, Membership

pytestmark = pytest.mark.django_db


def test_token_is_alone_on_the_last_line_and_works(run, project):
    ran = run(
        "create_api_token",
        "bot",
        "--scope",
        "read",
        "--role",
        "clinician",
        "--project",
        "Chest clinic",
    )

    secret = ran.out.splitlines()[-1]
    assert secret == secret.strip()
    assert " " not in secret
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/v1/studies").status_code == 200
    membership = Membership.objects.get(user__username="bot")
    assert (membership.role, membership.project) == ("clinician", project)


def test_service_user_has_no_password(run):
    run("create_api_token", "bot", "--scope", "read")

    assert not User.objects.get(username="bot").has_usable_password()


def test_only_the_digest_is_kept(run):
    secret = run("create_api_token", "bot", "--scope", "read").out.strip()

    token = ApiToken.objects.get()
    assert secret not in {token.digest, token.name}
    assert secret.startswith(token.hint)


def test_scopes_come_in_one_option_or_several(run):
    run("create_api_token", "bot", "--scope", "read", "write", "--scope", "metrics")

    assert ApiToken.objects.get().scopes == ["metrics", "read", "write"]


def test_all_projects_is_a_membership_without_one(run):
    run("create_api_token", "bot", "--scope", "read", "--role", "viewer", "--all-projects")

    assert Membership.objects.get().project is None


def test_existing_user_keeps_what_they_are(run, radiologist):
    run("create_api_token", "radiologist", "--scope", "write")

    assert ApiToken.objects.get().user == radiologist
    assert User.objects.get(pk=radiologist.pk).has_usable_password()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scope", "everything"], "scopes out of"),
        (["--scope", "read", "--project", "nowhere"], "no project"),
        (["--scope", "read", "--role", "viewer"], "--role needs"),
        (["--scope", "read", "--role", "king", "--all-projects"], "role is one of"),
    ],
)
def test_what_is_not_known_is_refused(run, arguments, message):
    ran = run("create_api_token", "bot", *arguments)

    assert message in str(ran.error)
    assert ran.out == ""
    assert ApiToken.objects.count() == 0
