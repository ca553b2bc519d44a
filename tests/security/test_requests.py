"""Forged requests, foreign origins, spoofed hosts, open surfaces, smuggled fields (T38-T45)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers

from archive.models import ApiToken, AuditEvent
from tests.builders.sign_in import PASSWORD, signed_in

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
EVIL = "https://evil.example"
# They take credentials of their own and no session, so nothing can be forged.
WITHOUT_SESSION = {"/oauth/token/", "/oauth/provider-logout/"}
PRIVILEGED = {"is_staff", "is_superuser", "user", "owner", "group", "groups", "password"}


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found |= addresses(pattern, route)
        elif isinstance(pattern, URLPattern):
            filled = re.sub(r"<int:[^>]+>|<[^>]*(?:frame|number|object_id)[^>]*>", "1", route)
            filled = re.sub(r"<(?:path|str|slug):[^>]+>|<[^>:]+>", "1", filled)
            filled = re.sub(r"<[^>]+>", "1.2.3", filled)
            found.add("/" + re.sub(r"\(\?P[^)]*\)|[\^$\\?]", "", filled))
    return found


def test_t38_csrf(archive_admin):
    browser = signed_in("archive_admin", enforce_csrf_checks=False)
    browser.handler.enforce_csrf_checks = True
    headers = {"origin": EVIL, "sec-fetch-site": "cross-site", "referer": f"{EVIL}/"}
    let_in = []
    for address in sorted(addresses() - WITHOUT_SESSION):
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(browser, method)(address, headers=headers)
            if answer.status_code not in {403, 404, 405}:
                let_in.append(f"{method} {address}: {answer.status_code}")
    assert let_in == []


def test_t38_token_needs_no_csrf(radiologist):
    secret = make_token("radiologist", ["read", "write"])
    strict = Client(enforce_csrf_checks=True)

    answer = strict.post(
        "/dicom-web/studies", headers={"authorization": f"Bearer {secret}", "origin": EVIL}
    )

    assert answer.status_code != 403


def test_t39_cors(archive_admin):
    browser = signed_in("archive_admin")
    for address in ("/studies/", "/dicom-web/studies", "/api/v1/openapi.json", "/oauth/token/"):
        for method in ("get", "options"):
            answer = getattr(browser, method)(address, headers={"origin": EVIL})
            assert "Access-Control-Allow-Origin" not in answer
            assert "Access-Control-Allow-Credentials" not in answer


def make_token(username: str, scopes: list[str]) -> str:
    made = signed_in(username).post(
        "/account/tokens/", {"name": "script", "scopes": scopes, "days": "9"}
    )
    return made.context["made"]["secret"]


def test_t40_token_hygiene(radiologist, capfd):
    reader = make_token("radiologist", ["read"])
    bearer = {"authorization": f"Bearer {reader}"}

    assert Client().post("/dicom-web/studies", headers=bearer).status_code == 403
    assert Client().post("/api/v1/labels", headers=bearer).status_code == 403
    assert Client().post("/account/tokens/", headers=bearer).status_code == 403
    listed = signed_in("radiologist").get("/account/tokens/").content.decode()
    assert reader not in listed
    assert ApiToken.objects.get().hint in listed
    assert reader not in str(list(ApiToken.objects.values()))
    assert reader not in str(list(AuditEvent.objects.values()))
    captured = capfd.readouterr()
    assert reader not in captured.out + captured.err
    assert Client().get(f"/dicom-web/studies?token={reader}").status_code == 401
    page = signed_in("radiologist").get("/studies/")
    assert page["Referrer-Policy"] == "same-origin"


def test_t40_token_scopes_are_no_wider_than_the_account(radiologist):
    answer = signed_in("radiologist").post(
        "/account/tokens/", {"name": "script", "scopes": ["admin"], "days": "9"}
    )

    assert answer.status_code == 422
    assert not ApiToken.objects.exists()


def test_t43_host_proxy_headers(client, radiologist, settings):
    assert client.get("/login/", headers={"host": "evil.example"}).status_code == 400
    spoofed = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "6.6.6.6",
        "x-real-ip": "6.6.6.6",
        "forwarded": "for=6.6.6.6;host=evil.example",
    }
    client.post("/login/", {"username": "radiologist", "password": "wrong"}, headers=spoofed)
    assert AuditEvent.objects.get(act="login").address == "127.0.0.1"
    described = client.get("/.well-known/smart-configuration", headers=spoofed).json()
    assert "evil" not in str(described)

    # Behind a proxy of the site: what it wrote at the end, not what the client began with.
    settings.TWINSIGHT_TRUSTED_PROXIES = ["127.0.0.1"]
    cache.clear()
    for number in range(settings.AXES_FAILURE_LIMIT):
        spoofed["x-forwarded-for"] = f"6.6.6.{number}, 192.0.2.7"
        guess = {"username": "radiologist", "password": "wrong"}
        answer = client.post("/login/", guess, headers=spoofed)
    assert answer.status_code == 429
    assert AuditEvent.objects.filter(act="lock-out").latest("pk").address == "192.0.2.7"
    right = {"username": "radiologist", "password": PASSWORD}
    elsewhere = {"x-forwarded-for": "192.0.2.8"}
    assert Client().post("/login/", right, headers=elsewhere).status_code == 302
    assert (
        Client(REMOTE_ADDR="192.0.2.9").post("/login/", right, headers=spoofed).status_code == 302
    )
    settings.TWINSIGHT_TRUSTED_PROXIES = []

    settings.TWINSIGHT_PUBLIC_URL = "https://pacs.example.org"
    settings.TWINSIGHT_EMAIL_URL = "smtp://mail.example.org"
    User.objects.filter(pk=radiologist.pk).update(email="r@example.org")
    client.post("/account/forgotten/", {"email": "r@example.org"}, headers=spoofed)
    (message,) = mail.outbox
    links = re.findall(r"https?://\S+", message.body)
    assert [link[:25] for link in links] == ["https://pacs.example.org/"]
    client.post("/account/forgotten/", {"email": "nobody@example.org"})
    assert len(mail.outbox) == 1


def test_t44_admin_surface(radiologist):
    client = Client(REMOTE_ADDR="10.1.1.1")
    for address in (
        "/admin/", "/admin/auth/user/", "/metrics", "/api/v1/openapi.json", "/api/v1/docs",
        "/flower/", "/debug/", "/__debug__/", "/.git/config", "/.env", "/media/", "/static/",
        "/static/portal/js/app.js.map", "/var/secrets/", "/blobs/", "/server-status",
    ):  # fmt: skip
        answer = client.get(address, REMOTE_ADDR="192.0.2.1")
        assert answer.status_code in {302, 401, 403, 404}, f"{answer.status_code} {address}"
    assert client.get("/admin/login/?next=/admin/")["Location"].startswith("/login/")
    client.force_login(radiologist)
    assert client.get("/admin/auth/user/").status_code == 302


def test_t44_deployment_checks_are_clean(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT,
        env={
            **os.environ,
            "TWINSIGHT_HOME": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "deploy.settings.production",
            "TWINSIGHT_ALLOWED_HOSTS": "pacs.example.org",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    warned = re.findall(r"^\?: \((\S+)\)", done.stdout + done.stderr, re.MULTILINE)
    assert [one for one in warned if not one.startswith("drf_spectacular")] == []


def test_t45_privilege_escalation(radiologist, archive_admin, colleague):
    browser = signed_in("radiologist")
    smuggled = {
        "is_staff": "1", "is_superuser": "1", "is_user_admin": "1", "user": str(archive_admin.pk),
        "username": "archive_admin", "groups": "1", "role": "radiology_admin", "is_active": "0",
    }  # fmt: skip
    browser.post("/account/", {"first_name": "A", "theme": "dark", "language": "", **smuggled})
    browser.post("/account/tokens/", {"name": "x", "scopes": ["read"], "days": "9", **smuggled})
    me = User.objects.get(pk=radiologist.pk)
    assert (me.first_name, me.username, me.is_staff, me.is_superuser) == (
        "A", "radiologist", False, False,
    )  # fmt: skip
    assert ApiToken.objects.get().user == radiologist
    assert list(me.memberships.values_list("role", flat=True)) == ["clinician"]
    made = browser.post("/manage/users/new/", {"username": "twin", **smuggled})
    assert made.status_code == 403
    assert User.objects.count() == 3


def _all(kind):
    return {kind}.union(*(_all(child) for child in kind.__subclasses__()))


def test_t45_no_form_or_serializer_takes_whole_rows():
    get_resolver().url_patterns  # noqa: B018 imports every door
    ours = [
        one
        for one in _all(forms.ModelForm) | _all(serializers.ModelSerializer)
        if one.__module__.startswith(("archive", "inference"))
    ]
    for one in ours:
        named = set(getattr(getattr(one, "Meta", None), "fields", ()))
        assert "__all__" not in str(named), one
        assert not named & PRIVILEGED, one
