"""A second step after the password, and ways back in without the phone."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator

from archive.models import AuditEvent
from tests.builders.sign_in import PASSWORD, code_of, post_login, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret(radiologist) -> str:
    browser = signed_in("radiologist")
    shown = browser.get("/account/security/app/")
    key = shown.context["form"].secret
    assert browser.post("/account/security/app/", {"code": "000000"}).status_code == 200
    done = browser.post("/account/security/app/", {"code": code_of(key)})
    assert done["Location"] == "/account/security/codes/"
    return key


def test_password_alone_opens_nothing_any_more(secret, client):
    answer = client.post("/login/", {"username": "radiologist", "password": PASSWORD})

    assert answer["Location"].startswith("/login/second/")
    assert client.get("/studies/")["Location"].startswith("/login/")
    assert client.get("/dicom-web/studies").status_code == 401
    assert client.get("/login/second/").status_code == 200
    wrong = client.post("/login/second/", {"code": "123456"})
    assert wrong.status_code == 200
    client.post("/login/second/", {"code": code_of(secret, offset=1)})
    assert client.get("/studies/").status_code == 200
    acts = list(AuditEvent.objects.order_by("pk").values_list("act", "outcome"))
    assert acts[-2:] == [("second-step", 4), ("login", 0)]


def test_a_code_works_once(secret, client):
    code = code_of(secret, offset=1)
    for status in (302, 200):
        client.cookies.clear()
        client.post("/login/", {"username": "radiologist", "password": PASSWORD})
        assert client.post("/login/second/", {"code": code}).status_code == status


def test_wrong_codes_are_bounded(secret, client):
    client.post("/login/", {"username": "radiologist", "password": PASSWORD})
    for _ in range(12):
        answer = client.post("/login/second/", {"code": "123456"})

    assert "Too many" in answer.content.decode()
    late = client.post("/login/second/", {"code": code_of(secret, offset=1)})
    assert late.status_code == 200


def test_recovery_code_signs_in_once(secret, client, radiologist):
    codes = Authenticator.objects.get(user=radiologist, type="recovery_codes").wrap()
    code = codes.get_unused_codes()[0]
    for status in (302, 200):
        client.cookies.clear()
        client.post("/login/", {"username": "radiologist", "password": PASSWORD})
        assert client.post("/login/second/", {"code": code}).status_code == status


def test_secrets_lie_encrypted(secret, radiologist):
    kept = str(list(Authenticator.objects.filter(user=radiologist).values_list("data", flat=True)))

    assert secret not in kept
    assert "gAAAA" in kept


def test_wrong_password_never_leads_to_the_second_step(secret):
    assert post_login("radiologist", "wrong").status_code == 200
