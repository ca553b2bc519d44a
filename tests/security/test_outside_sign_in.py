"""Signing in by OpenID Connect at a real provider, and by a real LDAP directory."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from archive.accounts import provider_logout
from archive.accounts.openid import is_strong
from archive.models import Account, AuditEvent, GroupMapping, Membership
from deploy.settings.identity import outside_providers
from tests.builders.sign_in import post_login, signed_in
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
HERE = Path(__file__).parent
SLAPD = shutil.which("slapd") or "/usr/sbin/slapd"
CALLBACK = "http://testserver/login/with/oidc/done/"


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(log.read_text(errors="replace")[-3000:])


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    home, port = tmp_path_factory.mktemp("provider"), free_port()
    (home / "groups").write_text("radiology")
    env = {**os.environ, "PROVIDER_PORT": str(port), "PROVIDER_HOME": str(home)}
    env.pop("DJANGO_SETTINGS_MODULE")
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "provider.py"), CALLBACK], env=env, stdout=out, stderr=out
        )
    try:
        _await(port, process, log)
        yield f"http://127.0.0.1:{port}", home
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def at_provider(provider, settings):
    address, home = provider
    cache.clear()
    settings.TWINSIGHT_OIDC_SERVER_URL = address
    settings.SOCIALACCOUNT_PROVIDERS = outside_providers(
        address, "twinsight", "a secret of the provider"
    )
    (home / "groups").write_text("radiology")
    (home / "more").write_text("{}")
    return home / "groups"


def _sign_in_elsewhere(browser: Client, meanwhile: Callable[[], None] = lambda: None):
    """Go to the provider, be known there, and come back with its word."""
    asked = browser.post("/login/with/oidc/")
    assert asked.status_code == 302, asked.content
    meanwhile()
    # Who is known there is not asked again, whatever is wished for.
    where = asked["Location"].replace("&prompt=login", "")
    back = requests.get(where, allow_redirects=False, timeout=30)
    assert back.status_code == 302, back.text
    assert back.headers["Location"].startswith(CALLBACK)
    parts = urlsplit(back.headers["Location"])
    return browser.get(f"{parts.path}?{parts.query}")


def test_person_of_the_provider_gets_what_the_groups_give(at_provider, project):
    GroupMapping.objects.create(
        provider="oidc", group="radiology", role="clinician", project=project
    )
    browser = Client()
    assert b"Single sign-on" in browser.get("/login/").content
    arrived = _sign_in_elsewhere(browser)
    assert (arrived.status_code, arrived["Location"]) == (302, "/studies/")
    assert browser.get("/studies/").status_code == 200

    jane = User.objects.get(username="jane")
    held = Membership.objects.get(user=jane)
    assert (held.role, held.project, held.origin) == ("clinician", project, "oidc")
    assert not jane.has_usable_password()
    # What a person here gave stays, what the groups gave goes with them.
    Membership.objects.create(user=jane, project=project, role="auditor")
    at_provider.write_text("cardiology")
    _sign_in_elsewhere(Client())
    assert list(jane.memberships.values_list("role", flat=True)) == ["auditor"]
    acts = AuditEvent.objects.filter(act="follow-groups").order_by("pk")
    assert [len(event.details["given"]) for event in acts] == [1, 0]


def test_who_lacks_the_required_group_stays_out(at_provider, settings):
    settings.TWINSIGHT_OIDC_REQUIRED_GROUP = "archive"
    browser = Client()

    assert _sign_in_elsewhere(browser)["Location"] == "/login/"
    assert browser.get("/studies/").status_code == 302
    assert not User.objects.filter(username="jane").exists()
    assert AuditEvent.objects.filter(act="login", outcome=4).exists()


def test_switched_off_account_stays_out(at_provider):
    _sign_in_elsewhere(Client())
    User.objects.filter(username="jane").update(is_active=False)
    browser = Client()

    _sign_in_elsewhere(browser)

    assert browser.get("/studies/").status_code == 302


def test_foreign_answer_is_refused(at_provider):
    browser = Client()
    browser.post("/login/with/oidc/")

    answer = browser.get("/login/with/oidc/done/?code=stolen&state=unknown")

    assert b"did not work" in answer.content
    assert browser.get("/studies/").status_code == 302


def test_answer_of_another_sign_in_or_person_is_refused(at_provider):
    browser = Client()
    asked = parse_qs(
        urlsplit(browser.post("/login/with/oidc/?auth_params=nonce%3Dx")["Location"]).query
    )
    assert len(asked["nonce"][0]) > 40, "whatever the address of the request asks for"

    def forget_nonce():
        session = browser.session
        for state in session["socialaccount_states"].values():
            state[0]["nonce"] = asked["nonce"][0]
        session.save()

    assert _sign_in_elsewhere(browser, forget_nonce)["Location"] == "/login/"
    assert "does not belong" in browser.get("/login/").content.decode()
    (at_provider.parent / "more").write_text('{"userinfo": {"sub": "another"}}')
    assert _sign_in_elsewhere(browser)["Location"] == "/login/"
    assert not User.objects.filter(username="jane").exists()
    assert AuditEvent.objects.filter(act="login", outcome=4).count() == 2


@pytest.mark.parametrize(
    ("said", "is_in"),
    [
        ({}, False),
        ({"acr": "gold"}, False),
        ({"amr": ["otp"]}, False),
        ({"acr": "copper", "amr": ["otp"]}, False),
        ({"acr": "gold", "amr": ["pwd"]}, False),
        ({"acr": "gold", "amr": "otp"}, False),
        ({"acr": "gold", "amr": ["pwd", "otp"]}, True),
    ],
)
def test_how_surely_a_person_was_known_there_is_looked_at(settings, said, is_in):
    settings.TWINSIGHT_OIDC_ACR, settings.TWINSIGHT_OIDC_AMR = ["silver", "gold"], ["hwk", "otp"]

    assert is_strong(said) is is_in


def test_strength_is_asked_for_and_wanted(at_provider, settings):
    settings.TWINSIGHT_OIDC_ACR, settings.TWINSIGHT_OIDC_AMR = ["gold"], ["otp"]
    browser = Client()
    assert "acr_values=gold" in browser.post("/login/with/oidc/")["Location"]
    assert _sign_in_elsewhere(browser)["Location"] == "/login/"
    assert not User.objects.filter(username="jane").exists()

    said = {"id_token": {"acr": "gold", "amr": ["pwd", "otp"]}}
    (at_provider.parent / "more").write_text(json.dumps(said))
    assert _sign_in_elsewhere(browser)["Location"] == "/studies/"


def _refuse(*_given: object) -> None:
    raise OperationalError


def test_dangerous_acts_want_a_new_sign_in_there(at_provider):
    more = at_provider.parent / "more"

    def in_since(seconds):
        said = {"id_token": {"auth_time": int(time.time()) - seconds}}
        more.write_text(json.dumps(said))

    in_since(3600)
    browser = Client()
    assert "prompt" not in browser.post("/login/with/oidc/")["Location"]
    _sign_in_elsewhere(browser)
    # Signed in here just now, there an hour ago.
    again = browser.post("/account/sessions/")["Location"]
    assert again.startswith("/account/again/")
    assert browser.get(again)["Location"].startswith("/login/")
    asked = parse_qs(urlsplit(browser.post("/login/with/oidc/")["Location"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["600"])
    assert _sign_in_elsewhere(browser)["Location"] == "/login/"
    assert "needs a new sign-in" in browser.get("/login/").content.decode()
    assert browser.get("/studies/").status_code == 302
    assert AuditEvent.objects.filter(act="login", outcome=4).exists()

    in_since(0)
    assert _sign_in_elsewhere(browser)["Location"] == "/studies/"
    assert not browser.post("/account/sessions/")["Location"].startswith("/account/again/")
    assert "prompt" not in browser.post("/login/with/oidc/")["Location"]


def test_sessions_end_with_the_providers(at_provider, provider, settings, monkeypatch):
    address, home = provider
    more = home / "more"
    browsers = []
    for sid in ("one", "two", "three"):
        more.write_text(json.dumps({"id_token": {"sid": sid}}))
        browsers.append(Client())
        _sign_in_elsewhere(browsers[-1])
    first, second, _third = browsers
    described = requests.get(f"{address}/.well-known/openid-configuration", timeout=30).json()
    (known,) = requests.get(described["jwks_uri"], timeout=30).json()["keys"]
    jane = SocialAccount.objects.get().uid
    now = int(time.time())
    good = {
        "iss": described["issuer"], "aud": "twinsight", "iat": now, "sub": jane, "jti": "a",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }  # fmt: skip
    pem = (home / "key.pem").read_text()

    def said(*, key=pem, kid=known["kid"], alg="RS256", **changed):
        claims = {name: value for name, value in (good | changed).items() if value is not None}
        token = jwt.encode(claims, key, algorithm=alg, headers={"kid": kid})
        return first.post("/oauth/provider-logout/", {"logout_token": token}).status_code

    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    wrong = [
        {"key": stranger}, {"kid": "other"}, {"key": "x" * 32, "alg": "HS256"},
        {"key": None, "alg": "none"}, {"iss": "https://evil.example"}, {"aud": "other"},
        {"iat": now - 600}, {"events": {}}, {"events": None}, {"nonce": "n"},
        {"sub": None}, {"sub": None, "sid": ""},
        {"jti": None}, {"iat": None},
    ]  # fmt: skip
    assert [said(**one) for one in wrong] == [400] * len(wrong)
    assert first.post("/oauth/provider-logout/", {"logout_token": "x.y.z"}).status_code == 400
    for browser in browsers:
        assert browser.get("/studies/").status_code == 200

    cache.clear()
    with monkeypatch.context() as broken:
        broken.setattr(provider_logout, "end_rows", _refuse)
        with pytest.raises(OperationalError):
            said(sid="one")
    assert said(sid="one") == 200, "what the database refused is said again"
    assert [one.get("/studies/").status_code for one in browsers] == [302, 200, 200]
    assert said() == 400, "each once"
    assert said(jti="d", sub=None, sid="three") == 200, "a session there may be all that is named"
    assert [one.get("/studies/").status_code for one in browsers] == [302, 200, 302]
    assert said(jti="b", sub="nobody") == 200
    assert said(jti="c") == 200
    assert second.get("/studies/").status_code == 302
    ended = AuditEvent.objects.filter(act="end-session", details__reason="provider")
    assert [event.details["user"] for event in ended] == ["jane"] * 3
    for _ in range(25):
        last = said(aud="other")
    assert last == 429


LDIF = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=lena,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: lena
cn: Lena Example
sn: Example
givenName: Lena
mail: lena@example.org
userPassword: her own long password

dn: cn=readers,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: readers
member: uid=lena,ou=people,dc=example,dc=org
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    pytest.importorskip("django_auth_ldap")
    if not Path(SLAPD).exists():
        pytest.skip("slapd is not installed")
    home, port = tmp_path_factory.mktemp("slapd"), free_port()
    (home / "db").mkdir()
    schemas = "".join(
        f"include /etc/ldap/schema/{one}.schema\n" for one in ("core", "cosine", "inetorgperson")
    )
    (home / "slapd.conf").write_text(
        f"{schemas}pidfile {home}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
        f'database mdb\nsuffix "dc=example,dc=org"\nrootdn "cn=admin,dc=example,dc=org"\n'
        f"rootpw secret\ndirectory {home}/db\nmaxsize 10485760\n"
    )
    (home / "people.ldif").write_text(LDIF.lstrip())
    added = subprocess.run(
        [SLAPD, "-T", "add", "-f", home / "slapd.conf", "-l", home / "people.ldif"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [SLAPD, "-f", home / "slapd.conf", "-h", f"ldap://127.0.0.1:{port}", "-d", "0"],
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        _await(port, process, log)
        yield f"ldap://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def at_directory(directory, settings):
    settings.TWINSIGHT_LDAP_URL = directory
    settings.TWINSIGHT_LDAP_BIND_DN = "cn=admin,dc=example,dc=org"
    settings.TWINSIGHT_LDAP_BIND_PASSWORD = "secret"
    settings.TWINSIGHT_LDAP_USERS_DN = "ou=people,dc=example,dc=org"
    settings.TWINSIGHT_LDAP_GROUPS_DN = "ou=groups,dc=example,dc=org"
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS, "archive.accounts.directory.DirectoryBackend",
    ]  # fmt: skip
    return directory


def test_person_of_the_directory_signs_in(at_directory, project):
    GroupMapping.objects.create(provider="ldap", group="readers", role="viewer", project=project)

    browser = signed_in("lena", "her own long password")

    assert browser.get("/studies/").status_code == 200
    lena = User.objects.get(username="lena")
    assert (lena.get_full_name(), lena.email) == ("Lena Example", "lena@example.org")
    held = Membership.objects.get(user=lena)
    assert (held.role, held.project, held.origin) == ("viewer", project, "ldap")
    assert not lena.has_usable_password()
    for name, password in (("lena", "wrong"), ("lena", ""), ("*", "x"), ("lena)(uid=*", "x")):
        assert post_login(name, password).status_code == 200, name


@pytest.mark.parametrize("whose", ["password", "program", "provider"])
def test_directory_opens_nobody_elses_account_of_the_same_name(at_directory, whose):
    taken = User.objects.create_user("Lena", is_superuser=True)
    if whose == "password":
        taken.set_password("a password of this archive")
    else:
        taken.set_unusable_password()
    taken.save()
    if whose == "program":
        Account.objects.create(user=taken, kind=Account.Kind.SERVICE)
    if whose == "provider":
        SocialAccount.objects.create(user=taken, provider="oidc", uid="1")

    assert post_login("lena", "her own long password").status_code == 200
    assert User.objects.get().email == ""
    # One that waits for its person is the directory's, and stays it.
    SocialAccount.objects.all().delete()
    Account.objects.all().delete()
    taken.set_unusable_password()
    taken.save()
    assert post_login("lena", "her own long password").status_code == 302
    taken.set_password("a password of this archive")
    taken.save()
    assert post_login("lena", "her own long password").status_code == 302


def test_directory_that_is_away_keeps_nobody_else_out(at_directory, settings, radiologist):
    settings.TWINSIGHT_LDAP_URL = "ldap://127.0.0.1:1"

    assert signed_in("radiologist").get("/studies/").status_code == 200
    assert post_login("lena", "her own long password").status_code == 200
