"""One's own account in a real browser: a passkey, an authenticator app, tokens, users."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator

from tests.browsing import MARKS, assert_accessible, take_pictures
from tests.builders.sign_in import PASSWORD, code_of

pytestmark = MARKS


@pytest.fixture
def key(context):
    """Give the browser a device that knows its owner (WebAuthn)."""

    def plug(page):
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )

    return plug


def test_passkey_signs_in_without_a_password(sign_in, radiologist, key, live_server, complaints):
    page = sign_in("radiologist")
    key(page)
    page.goto(f"{live_server.url}/account/security/")
    take_pictures(page, "account-security")
    assert_accessible(page)
    page.get_by_role("link", name="Add").click()
    page.get_by_label("Name", exact=True).fill("Workstation 3")
    page.get_by_label("Passkey: signs in without the password").check(force=True)
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/account/security/codes/")
    take_pictures(page, "account-codes")
    assert_accessible(page)
    assert Authenticator.objects.filter(user=radiologist, type="webauthn").exists()

    page.locator("details.menu summary", has_text="radiologist").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/")
    take_pictures(page, "login-passkey")
    assert_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/studies/")

    assert complaints == []


def test_authenticator_app_and_tokens(sign_in, radiologist, live_server, complaints):
    page = sign_in("radiologist")
    page.goto(f"{live_server.url}/account/security/app/")
    secret = page.locator("code.account-secret").inner_text().strip()
    take_pictures(page, "account-app")
    assert_accessible(page)
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    page.wait_for_url("**/account/security/codes/")

    page.goto(f"{live_server.url}/account/tokens/")
    page.get_by_label("What it is for").fill("Nightly export")
    page.get_by_role("button", name="Make token").click()
    made = page.locator("code.account-secret")
    assert re.fullmatch(r"tws_\S{40,}", made.inner_text().strip())
    take_pictures(page, "account-tokens")
    assert_accessible(page)
    for place in ("", "sessions/", "password/"):
        page.goto(f"{live_server.url}/account/{place}")
        take_pictures(page, f"account-{place.strip('/') or 'profile'}")
        assert_accessible(page)

    page.locator("details.menu summary", has_text="radiologist").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("radiologist")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/login/second/")
    take_pictures(page, "login-second")
    assert_accessible(page)
    page.get_by_label("Code").fill(code_of(secret, offset=1))
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/studies/")

    assert complaints == []


def test_user_administrator_makes_an_account(
    sign_in, archive_admin, colleague, project, live_server, complaints
):
    page = sign_in("archive_admin")
    page.goto(f"{live_server.url}/manage/users/")
    take_pictures(page, "users")
    assert_accessible(page)
    page.get_by_role("link", name="New account").click()
    take_pictures(page, "user-new")
    assert_accessible(page)
    page.get_by_label("User name").fill("new.reader")
    page.get_by_label("Mail address").fill("reader@example.org")
    page.get_by_role("button", name="Make account").click()
    page.get_by_label("Role", exact=True).select_option("clinician")
    page.get_by_label("Project").select_option(project.slug)
    page.get_by_role("button", name="Give").click()
    page.get_by_role("button", name="Link to choose a password").click()
    link = page.locator("code.account-secret").inner_text().strip()
    take_pictures(page, "user-edit")
    assert_accessible(page)
    for place in ("groups", "clients"):
        page.goto(f"{live_server.url}/manage/{place}/")
        take_pictures(page, f"users-{place}")
        assert_accessible(page)
    assert "/account/forgotten/" in link

    page.locator("details.menu summary", has_text="archive_admin").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(link)
    take_pictures(page, "account-choose")
    assert_accessible(page)
    page.get_by_label("New password", exact=True).fill("correct horse battery staple")
    page.get_by_label("New password again").fill("correct horse battery staple")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("User name").fill("new.reader")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/studies/")

    assert complaints == []
