"""What is answered while the database is away, and where something failed that nobody expected."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.test import Client

pytestmark = pytest.mark.django_db

PROGRAMS = ("/dicom-web/studies", "/api/v1/studies/", "/wado", "/oauth/introspect/")


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def no_database(monkeypatch):
    def away():
        def refuse(*_args, **_kwargs):
            raise OperationalError("connection refused at /a/secret/place")

        monkeypatch.setattr(connection, "cursor", refuse)
        monkeypatch.setattr(connection, "ensure_connection", refuse)

    return away


@pytest.mark.parametrize("path", PROGRAMS)
def test_programs_are_told_to_come_again(client, no_database, path):
    no_database()

    answer = client.get(path, headers={"authorization": "Bearer something"})

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "database-unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert b"secret" not in answer.content


def test_fhir_tells_it_by_an_outcome(client, no_database):
    no_database()

    answer = client.get("/fhir/R4/Patient", headers={"authorization": "Bearer something"})

    assert answer.status_code == 503
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_store_is_not_taken(client, no_database):
    no_database()

    answer = client.post(
        "/dicom-web/studies",
        b"bytes",
        content_type="application/dicom",
        headers={"authorization": "Bearer something"},
    )

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_people_read_it_in_their_language(client, radiologist, no_database):
    client.force_login(radiologist)
    no_database()

    english = client.get("/studies/", headers={"accept-language": "en"})
    german = client.get("/studies/", headers={"accept-language": "de"})

    assert (english.status_code, german.status_code) == (503, 503)
    assert "The archive can't be reached just now" in english.text
    assert "Try again" in english.text
    assert 'lang="de"' in german.text
    assert "Datenbank" in german.text
    assert int(english.headers["Retry-After"]) > 0
    assert "no-store" in english.headers["Cache-Control"]


def test_what_was_sent_is_not_sent_again(client, radiologist, no_database):
    client.force_login(radiologist)
    no_database()

    answer = client.post("/upload/")

    assert answer.status_code == 503
    assert 'href="/studies/"' in answer.text
    assert "Try again</a>" not in answer.text


def test_other_errors_are_told_in_the_callers_form(client, radiologist, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("the reason is for the log")

    monkeypatch.setattr("archive.access.services.authenticate_token", fail)
    client.force_login(radiologist)

    program = client.get("/dicom-web/studies", headers={"authorization": "Bearer something"})
    monkeypatch.setattr("archive.access.middleware.memberships_kept", fail)
    person = client.get("/studies/")

    assert (program.status_code, person.status_code) == (500, 500)
    assert program.json()["code"] == "internal-error"
    assert "Retry-After" not in program.headers
    assert "Something failed on our side" in person.text
    assert b"the reason" not in program.content + person.content
