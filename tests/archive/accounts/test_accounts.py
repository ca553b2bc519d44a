"""Accounts are made, changed and switched off by their administrator, on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from archive.accounts import memberships, services
from archive.accounts.profiles import account_of
from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import ApiToken, AuditEvent, Membership, Study
from tests.builders.sign_in import PASSWORD, age_session, post_login, signed_in
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(archive_admin) -> Asker:
    return Asker(door="portal", user=archive_admin)


def test_invited_person_chooses_a_password_once(admin, archive_admin):
    user = services.create_user(asker=admin, username="new.reader", email="r@example.org")
    assert not user.has_usable_password()

    link = services.invite_user(asker=admin, user_id=user.pk)
    browser = Client()
    form = browser.get(link, follow=True)
    chosen = "correct horse battery staple"
    done = browser.post(form.request["PATH_INFO"], {"password1": chosen, "password2": chosen})

    assert done.status_code == 302
    assert post_login("new.reader", chosen).status_code == 302
    assert b"used up" in Client().get(link, follow=True).content
    acts = AuditEvent.objects.values_list("act", flat=True)
    assert {"create-account", "invite", "set-password"} <= set(acts)


@pytest.mark.parametrize("password", ["short", "password1234", "123456789012345"])
def test_weak_password_is_refused(admin, password):
    user = services.create_user(asker=admin, username="new.reader")
    browser = Client()
    form = browser.get(services.invite_user(asker=admin, user_id=user.pk), follow=True)

    answer = browser.post(form.request["PATH_INFO"], {"password1": password, "password2": password})

    assert answer.status_code == 200
    assert not User.objects.get(pk=user.pk).has_usable_password()


def test_one_time_password_must_be_changed_before_anything_else(admin, radiologist):
    old = signed_in("radiologist")
    password = services.reset_password(asker=admin, user_id=radiologist.pk)

    assert old.get("/studies/").status_code == 302
    browser = signed_in("radiologist", password)
    assert browser.get("/studies/")["Location"] == "/account/password/"
    assert browser.get("/dicom-web/studies").status_code == 403
    fresh = "correct horse battery staple"
    browser.post(
        "/account/password/",
        {"oldpassword": password, "password1": fresh, "password2": fresh},
    )

    assert browser.get("/studies/").status_code == 200
    assert signed_in("radiologist", fresh).get("/studies/").status_code == 200


def test_disabled_account_is_out_at_once(admin, radiologist):
    browser = signed_in("radiologist")
    made = browser.post("/account/tokens/", {"name": "script", "scopes": ["read"], "days": "9"})
    secret = made.context["made"]["secret"]
    bearer = {"authorization": f"Bearer {secret}"}
    assert Client().get("/dicom-web/studies", headers=bearer).status_code == 204

    services.disable_user(asker=admin, user_id=radiologist.pk)

    assert browser.get("/studies/").status_code == 302
    assert Client().get("/dicom-web/studies", headers=bearer).status_code == 401
    assert post_login("radiologist").status_code == 200
    services.enable_user(asker=admin, user_id=radiologist.pk)
    assert Client().get("/dicom-web/studies", headers=bearer).status_code == 401


def test_only_the_user_administrator_manages_accounts(radiologist, colleague, project):
    asker = Asker(door="portal", user=radiologist)
    with pytest.raises(NotAllowedError):
        services.create_user(asker=asker, username="friend")
    with pytest.raises(NotAllowedError):
        memberships.give_role(asker=asker, user_id=colleague.pk, role="clinician")
    browser = signed_in("radiologist")
    for path in ("/manage/users/", f"/manage/users/{colleague.pk}/", "/manage/clients/"):
        assert browser.get(path).status_code == 403


def test_nobody_changes_their_own_rights(admin, archive_admin):
    with pytest.raises(NotAllowedError):
        memberships.give_role(asker=admin, user_id=archive_admin.pk, role="auditor")
    with pytest.raises(NotAllowedError):
        services.disable_user(asker=admin, user_id=archive_admin.pk)
    with pytest.raises(NotAllowedError):
        services.change_user(
            asker=admin,
            user_id=archive_admin.pk,
            full_name=("", ""),
            email="",
            is_user_admin=False,
        )


def test_project_admin_gives_roles_in_the_own_project_alone(
    radiologist, outsider, project, other_project
):
    Membership.objects.create(user=radiologist, project=project, role="radiology_admin")
    asker = Asker(door="portal", user=radiologist)
    study = StudyFactory(projects=[project])

    given = memberships.give_role(
        asker=asker, user_id=outsider.pk, role="viewer", project_slug=project.slug
    )
    assert Study.objects.visible_to(outsider).filter(pk=study.pk).exists()
    with pytest.raises(NotAllowedError):
        memberships.give_role(
            asker=asker, user_id=outsider.pk, role="viewer", project_slug=other_project.slug
        )
    foreign = Membership.objects.get(user=outsider, project=other_project)
    with pytest.raises(NotVisibleError):
        memberships.take_role(asker=asker, membership_id=foreign.pk)
    memberships.take_role(asker=asker, membership_id=given.pk)

    assert not Study.objects.visible_to(outsider).filter(pk=study.pk).exists()


def test_role_ends_by_itself(admin, outsider, project):
    study = StudyFactory(projects=[project])
    soon = timezone.now() + timedelta(hours=1)
    given = memberships.give_role(
        asker=admin,
        user_id=outsider.pk,
        role="viewer",
        project_slug=project.slug,
        expires_at=soon,
    )
    assert Study.objects.visible_to(outsider).filter(pk=study.pk).exists()

    Membership.objects.filter(pk=given.pk).update(expires_at=timezone.now())

    assert not Study.objects.visible_to(outsider).filter(pk=study.pk).exists()


def test_bad_input_is_named(admin, radiologist):
    for name in ("", "no spaces", "radiologist", "RADIOLOGIST"):
        with pytest.raises(InvalidRequestError):
            services.create_user(asker=admin, username=name)
    with pytest.raises(InvalidRequestError):
        services.create_user(asker=admin, username="fine", email="nowhere")
    with pytest.raises(InvalidRequestError):
        memberships.give_role(asker=admin, user_id=radiologist.pk, role="emperor")


def test_command_gets_the_first_administrator_back_in(archive_admin, capsys):
    Authenticator.objects.create(
        user=archive_admin, type=Authenticator.Type.TOTP, data={"secret": "x"}
    )
    archive_admin.is_active = False
    archive_admin.save()

    call_command("reset_password", "--without-second-steps")

    password = capsys.readouterr().out.splitlines()[-1]
    browser = signed_in("archive_admin", password)
    assert browser.get("/studies/")["Location"] == "/account/password/"
    assert account_of(archive_admin).must_change_password


def test_administrators_pages(admin, archive_admin, radiologist, project):
    browser = signed_in("archive_admin")
    page = f"/manage/users/{radiologist.pk}/"

    made = browser.post("/manage/users/new/", {"username": "grinder", "is_service": "1"})
    assert made.status_code == 302
    assert b"grinder" in browser.get("/manage/users/?show=programs").content
    assert b"grinder" not in browser.get("/manage/users/?show=people&q=gr").content
    shown = browser.post(f"{page}reset/")
    assert shown.context["password"].encode() in shown.content
    browser.post(
        f"{page}roles/", {"role": "auditor", "project": project.slug, "until": "2099-01-31"}
    )
    held = Membership.objects.get(user=radiologist, role="auditor")
    assert held.expires_at.year == 2099
    browser.post(f"{page}roles/{held.pk}/take/")
    assert not Membership.objects.filter(pk=held.pk).exists()
    assert browser.post(page, {"email": "nowhere"}).status_code == 422


def test_dangerous_acts_want_a_recent_sign_in(admin, archive_admin, radiologist):
    browser = signed_in("archive_admin")
    act = f"/manage/users/{radiologist.pk}/disable/"
    age_session(browser, began_s=3600, seen_s=0)

    asked = browser.post(act, headers={"referer": f"http://testserver{act[:-8]}"})
    assert asked["Location"] == f"/account/again/?next=%2Fmanage%2Fusers%2F{radiologist.pk}%2F"
    assert User.objects.get(pk=radiologist.pk).is_active
    htmx = browser.post(act, headers={"hx-request": "true"})
    assert (htmx.status_code, htmx["HX-Redirect"][:15]) == (204, "/account/again/")
    assert browser.post(asked["Location"], {"password": "wrong"}).status_code == 200
    proved = browser.post(asked["Location"], {"password": PASSWORD})
    assert proved["Location"] == act[:-8]
    browser.post(act)

    assert not User.objects.get(pk=radiologist.pk).is_active
    outcomes = AuditEvent.objects.filter(act="prove-again").order_by("pk")
    assert list(outcomes.values_list("outcome", flat=True)) == [4, 0]


def test_rotated_token_has_a_successor_and_an_hour(radiologist):
    browser = signed_in("radiologist")
    values = {"name": "script", "scopes": ["read", "write"], "days": "30"}
    old = browser.post("/account/tokens/", values).context["made"]
    rotated = browser.post(f"/account/tokens/{old['token'].pk}/rotate/").context["made"]

    for secret in (old["secret"], rotated["secret"]):
        bearer = {"authorization": f"Bearer {secret}"}
        assert Client().get("/dicom-web/studies", headers=bearer).status_code == 204
    kept = ApiToken.objects.get(pk=old["token"].pk)
    assert kept.expires_at - timezone.now() < timedelta(hours=1, seconds=1)
    assert set(rotated["token"].scopes) == {"read", "write"}
    browser.post(f"/account/tokens/{rotated['token'].pk}/revoke/")
    bearer = {"authorization": f"Bearer {rotated['secret']}"}
    assert Client().get("/dicom-web/studies", headers=bearer).status_code == 401
