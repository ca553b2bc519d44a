"""What a site may ask for beside the password, and what wants a fresh proof."""

from __future__ import annotations

import hashlib
from functools import partial

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.test import Client

from archive.accounts.breached import BreachedPasswordsValidator
from deploy.database.base import DatabaseWrapper
from tests.builders.sign_in import PASSWORD, age_session, code_of, signed_in

pytestmark = pytest.mark.django_db
_digest = partial(hashlib.sha1, usedforsecurity=False)


@pytest.mark.parametrize("password", ["Twinsight2026!", "radiology-pacs1", "HospitalDICOM77"])
def test_words_of_this_place_are_no_passwords(password) -> None:
    with pytest.raises(ValidationError, match="fits this place"):
        validate_password(password)


def test_stolen_passwords_are_looked_up_in_a_list_of_this_machine(tmp_path, caplog) -> None:
    stolen = [f"a stolen password, {number}" for number in range(300)]
    digests = sorted(_digest(one.encode()).hexdigest().upper() for one in stolen)
    path = tmp_path / "pwned.txt"
    path.write_text("".join(f"{one}:{place * 7}\r\n" for place, one in enumerate(digests)))
    validator = BreachedPasswordsValidator(str(path))

    for one in stolen:
        with pytest.raises(ValidationError, match="stolen"):
            validator.validate(one)
    for number in range(300):
        validator.validate(f"nobody has this one, {number}")
    BreachedPasswordsValidator(str(tmp_path / "away")).validate(stolen[0])
    assert "can't be read" in caplog.text
    path.write_text("")
    validator.validate(stolen[0])


def test_session_has_another_name_after_a_proof(radiologist) -> None:
    browser = signed_in("radiologist")
    old = browser.cookies[configured.SESSION_COOKIE_NAME].value
    age_session(browser, began_s=3600, seen_s=0)

    assert browser.post("/account/again/", {"password": PASSWORD}).status_code == 302

    assert browser.cookies[configured.SESSION_COOKIE_NAME].value != old
    (shown,) = browser.get("/account/sessions/").context["sessions"]
    assert shown.is_current, "and it is still listed"
    thief = Client()
    thief.cookies[configured.SESSION_COOKIE_NAME] = old
    assert thief.get("/studies/").status_code == 302


def test_long_passwords_of_any_kind_are_taken() -> None:
    for password in ("correct twinsight horse battery", "ünïcödé 🐎 x staple", "q w e " * 20):
        validate_password(password)


def test_second_step_can_be_wanted_of_everybody(radiologist, settings) -> None:
    settings.TWINSIGHT_REQUIRE_SECOND_STEP = True
    browser = signed_in("radiologist")

    answer = browser.get("/studies/")
    assert (answer.status_code, answer["Location"]) == (302, "/account/security/")
    assert browser.get("/dicom-web/studies").status_code == 403
    assert browser.get("/api/v1/studies").status_code == 403
    page = browser.get("/account/security/app/")
    assert page.status_code == 200
    secret = page.context["form"].secret
    assert browser.post("/account/security/app/", {"code": code_of(secret)}).status_code == 302

    assert browser.get("/studies/").status_code == 200
    settings.TWINSIGHT_REQUIRE_SECOND_STEP = False
    assert signed_in("radiologist").get("/studies/").status_code in {200, 302}


def test_mail_address_and_sessions_want_a_recent_proof(radiologist) -> None:
    browser, other = signed_in("radiologist"), signed_in("radiologist")
    age_session(browser, began_s=configured.TWINSIGHT_STEP_UP_S + 1)
    names = {"first_name": "A", "last_name": "B", "theme": "dark", "language": ""}

    assert browser.post("/account/", {**names, "email": ""})["Location"] == "/account/"
    moved = browser.post("/account/", {**names, "email": "thief@example.org"})
    assert moved["Location"].startswith("/account/again/")
    assert User.objects.get(pk=radiologist.pk).email == ""
    assert browser.post("/account/sessions/")["Location"].startswith("/account/again/")
    assert other.get("/studies/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_statements_of_the_web_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(DatabaseWrapper, "statement_timeout_s", 1)
    connection.close()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone()[0] == "1s"
        with pytest.raises(DatabaseError), transaction.atomic():
            connection.cursor().execute("SELECT pg_sleep(20)")
    finally:
        connection.close()


def test_signing_out_clears_the_browser(radiologist) -> None:
    answer = signed_in("radiologist").post("/logout/")

    assert answer["Clear-Site-Data"] == '"cache", "storage"'


def test_trace_gives_nothing_back(radiologist) -> None:
    browser = signed_in("radiologist")
    for address in ("/", "/studies/", "/dicom-web/studies", "/api/v1/studies", "/healthz"):
        answer = browser.trace(address, headers={"x-secret": "marker-of-mine"})
        assert b"marker-of-mine" not in answer.content, address
        assert "sessionid" not in answer.content.decode(), address
