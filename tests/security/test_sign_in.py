"""Wrong passwords, sessions, and what ends them (T36, T41, T42)."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from archive.accounts import services
from archive.audit.types import Asker
from archive.models import AuditEvent, Membership
from tests.builders.sign_in import HOME, PASSWORD, age_session, post_login, signed_in
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


def test_t36_role_revoked_live(archive_admin, radiologist, project):
    study = StudyFactory(projects=[project])
    page = f"/studies/{study.study_instance_uid}/"
    browser = signed_in("radiologist")
    secret = browser.post(
        "/account/tokens/", {"name": "script", "scopes": ["read"], "days": "9"}
    ).context["made"]["secret"]
    bearer = {"authorization": f"Bearer {secret}"}
    status = f"/api/v1{page}status"
    assert browser.get(page).status_code == 200
    assert Client().get(status, headers=bearer).status_code == 200

    Membership.objects.filter(user=radiologist).delete()
    assert browser.get(page).status_code == 404
    assert Client().get(status, headers=bearer).status_code == 404

    services.disable_user(asker=Asker(door="portal", user=archive_admin), user_id=radiologist.pk)
    assert browser.get("/studies/").status_code == 302
    assert browser.get("/dicom-web/studies").status_code == 401
    assert Client().get(status, headers=bearer).status_code == 401


def test_t36_account_disabled_by_other_means(radiologist):
    browser = signed_in("radiologist")
    User.objects.filter(pk=radiologist.pk).update(is_active=False)

    assert browser.get("/studies/").status_code == 302


def test_t41_brute_force_of_passwords(radiologist, colleague):
    for _ in range(50):
        answer = post_login("radiologist", "wrong")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) == settings.AXES_COOLOFF_TIME.total_seconds()
    # Not even the right password, from there; from elsewhere and for others, all is well.
    assert post_login("radiologist").status_code == 429
    assert post_login("radiologist", address="10.9.9.9").status_code == 302
    assert post_login("colleague").status_code == 302
    alerts = AuditEvent.objects.filter(act="lock-out", actor_name="radiologist")
    assert alerts.first().address == HOME
    # It ends by itself.
    from axes.models import AccessAttempt

    AccessAttempt.objects.update(attempt_time="2020-01-01T00:00:00Z")
    assert post_login("radiologist").status_code == 302


@pytest.mark.parametrize("name", ["", "a\x00b", "\u202e", "x" * 5000, "' OR 1=1 --", "😀"])
def test_t41_odd_names_are_just_wrong(db, name):
    assert post_login(name, "wrong").status_code == 200


def test_t41_what_is_typed_into_the_wrong_field_is_not_kept(db):
    from axes.models import AccessAttempt

    post_login("hunter2-my-password", "x")

    kept = str(list(AccessAttempt.objects.values()))
    assert "hunter2" not in kept


def test_t41_brute_force_of_tokens(radiologist):
    answers = [
        Client().get("/dicom-web/studies", headers={"authorization": f"Bearer tws_{number}"})
        for number in range(50)
    ]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert answers[-1]["Retry-After"]
    assert AuditEvent.objects.filter(act="refuse-tokens").count() == 1
    # A good one is never kept waiting.
    secret = (
        signed_in("radiologist")
        .post("/account/tokens/", {"name": "script", "scopes": ["read"], "days": "9"})
        .context["made"]["secret"]
    )
    good = Client().get("/dicom-web/studies", headers={"authorization": f"Bearer {secret}"})
    assert good.status_code == 204
    # Another process knows of it, too; and whoever shows one bad token again and again may.
    script = (
        "from archive.access.refused_tokens import count_refused as c;"
        "print(c('127.0.0.1', 'another'), [c('10.0.0.1', 'one') for _ in range(30)][-1])"
    )
    told = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {script}"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert told.split("\n")[0] == "(False, 21) (False, 1)"


def test_t42_session_fixation(radiologist):
    browser = Client()
    browser.get("/login/")
    browser.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    browser.post("/login/", {"username": "radiologist", "password": PASSWORD})

    assert browser.cookies[settings.SESSION_COOKIE_NAME].value != "a" * 32
    assert browser.get("/studies/").status_code == 200


def test_t42_session_logout_invalidates(radiologist):
    browser, thief = signed_in("radiologist"), Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = browser.cookies[
        settings.SESSION_COOKIE_NAME
    ].value
    assert thief.get("/studies/").status_code == 200

    browser.post("/logout/")

    assert thief.get("/studies/").status_code == 302
    assert AuditEvent.objects.filter(act="logout", actor=radiologist).exists()


def test_t42_session_ends_idle_and_of_age(radiologist):
    idle = signed_in("radiologist")
    age_session(idle, seen_s=settings.TWINSIGHT_SESSION_IDLE_S + 1)
    assert idle.get("/studies/")["Location"].startswith("/login/?over=idle")
    assert idle.get("/studies/")["Location"].startswith("/login/?next")
    # And back to just the page that was asked for, whatever is in its address.
    idle = signed_in("radiologist")
    age_session(idle, seen_s=settings.TWINSIGHT_SESSION_IDLE_S + 1)
    wanted = "/studies/?q=a%26over%3D&modality=CT"
    told = parse_qs(urlsplit(idle.get(wanted)["Location"]).query)
    assert told == {"over": ["idle"], "next": [wanted]}

    old = signed_in("radiologist")
    age_session(old, began_s=settings.TWINSIGHT_SESSION_S + 1)
    assert old.get("/dicom-web/studies").status_code == 401

    reasons = AuditEvent.objects.filter(act="end-session").order_by("pk")
    assert [event.details["reason"] for event in reasons] == ["idle", "idle", "age"]


def test_t42_session_is_kept_alive_by_people_alone(radiologist):
    browser = signed_in("radiologist")
    most = settings.TWINSIGHT_SESSION_IDLE_S
    age_session(browser, seen_s=most - 100)
    browser.get("/studies/", headers={"x-idle": "1"})
    age_session(browser, seen_s=200)
    assert browser.get("/studies/").status_code == 302

    browser = signed_in("radiologist")
    age_session(browser, seen_s=most - 100)
    browser.get("/studies/")
    age_session(browser, seen_s=200)
    assert browser.get("/studies/").status_code == 200


def test_t42_session_ends_with_the_password(radiologist):
    here, there = signed_in("radiologist"), signed_in("radiologist")
    fresh = "correct horse battery staple"
    here.post(
        "/account/password/", {"oldpassword": PASSWORD, "password1": fresh, "password2": fresh}
    )

    assert here.get("/studies/").status_code == 200
    assert there.get("/studies/").status_code == 302


def test_t42_session_list_and_revoke(radiologist, colleague):
    here, there = signed_in("radiologist"), signed_in("radiologist")
    foreign = signed_in("colleague")
    shown = here.get("/account/sessions/").context["sessions"]
    assert [one.is_current for one in shown] == [True, False]
    assert foreign.post("/account/sessions/", {"session": shown[1].key}).status_code == 404

    here.post("/account/sessions/", {"session": shown[1].key})

    assert there.get("/studies/").status_code == 302
    other = signed_in("radiologist")
    here.post("/account/sessions/")
    assert other.get("/studies/").status_code == 302
    assert here.get("/studies/").status_code == 200


def test_t42_session_of_everybody_ends_at_once(radiologist, archive_admin, colleague):
    page, theirs = "/manage/users/sessions/", signed_in("radiologist")
    assert theirs.get(page).status_code == theirs.post(page, {"sure": "1"}).status_code == 403
    visitor = Client()
    visitor.session.save()
    admin = signed_in("archive_admin")
    assert admin.get(page).context["open"] == 2
    assert admin.post(page).status_code == 422
    age_session(admin, began_s=settings.TWINSIGHT_STEP_UP_S + 1)
    assert admin.post(page, {"sure": "1"})["Location"].startswith("/account/again/")
    assert theirs.get("/studies/").status_code == 200

    admin = signed_in("archive_admin")
    assert admin.post(page, {"sure": "1"})["Location"] == "/login/?over=everybody"

    for browser in (theirs, admin):
        assert browser.get("/studies/").status_code == 302
    ended = AuditEvent.objects.filter(act="end-session").latest("pk")
    assert (ended.actor, ended.details) == (archive_admin, {"reason": "everybody", "sessions": 3})
    # One account alone, by its page and on the machine itself; and all of them there.
    theirs, other = signed_in("radiologist"), signed_in("colleague")
    answer = signed_in("archive_admin").post(f"/manage/users/{radiologist.pk}/end-sessions/")
    assert (answer.status_code, answer.context["ended"]) == (200, 1)
    assert (theirs.get("/studies/").status_code, other.get("/studies/").status_code) == (302, 200)
    theirs = signed_in("radiologist")
    call_command("end_sessions", "colleague")
    assert (theirs.get("/studies/").status_code, other.get("/studies/").status_code) == (200, 302)
    call_command("end_sessions", "--all")
    assert theirs.get("/studies/").status_code == 302
    assert AuditEvent.objects.filter(act="end-sessions").count() == 2


def test_t42_session_cookies_are_guarded(radiologist, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    browser = Client()
    browser.get("/login/", secure=True)
    browser.post("/login/", {"username": "radiologist", "password": PASSWORD}, secure=True)

    session = browser.cookies[settings.SESSION_COOKIE_NAME]
    assert session["secure"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert browser.cookies[settings.CSRF_COOKIE_NAME]["secure"]
