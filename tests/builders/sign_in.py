"""Signing in as a person does, with all that it leaves in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.test import Client

if TYPE_CHECKING:
    from django.http import HttpResponse

PASSWORD = "a long enough password"
HOME = "10.1.1.1"


def post_login(username: str, password: str = PASSWORD, address: str = HOME) -> HttpResponse:
    """Answer of the sign-in page to a stranger's browser."""
    client = Client(REMOTE_ADDR=address)
    return client.post("/login/", {"username": username, "password": password, "next": ""})


def signed_in(username: str, password: str = PASSWORD, **options) -> Client:
    """Return a browser in which the account has signed in by name and password."""
    client = Client(REMOTE_ADDR=HOME, **options)
    answer = client.post("/login/", {"username": username, "password": password, "next": ""})
    assert answer.status_code == 302, answer.content[:500]
    return client


def post_form(client: Client, path: str, values: dict[str, str], **headers) -> HttpResponse:
    """Send a form as programs do (RFC 6749)."""
    kind = "application/x-www-form-urlencoded"
    return client.post(path, urlencode(values), content_type=kind, headers=headers)


def code_of(secret: str, *, offset: int = 0) -> str:
    """Return what an authenticator app shows now, or some steps from now (RFC 6238)."""
    import time

    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + offset))


def age_session(client: Client, *, began_s: float = 0.0, seen_s: float = 0.0) -> None:
    """Let the browser's session have begun, and have been used last, so long ago."""
    from archive.accounts.stepup import BEGAN_KEY, SEEN_KEY

    session = client.session
    session[BEGAN_KEY] -= began_s
    session[SEEN_KEY] -= seen_s
    for record in session["account_authentication_methods"]:
        record["at"] -= began_s
    session.save()
