"""One's own API tokens by REST: made, listed, renewed, ended; by whom, and by whom not."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from archive.models import ApiToken, AuditEvent
from tests.builders.sign_in import age_session, signed_in

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/tokens"
NEW = {"name": "script", "scopes": ["read"], "days": 9}


def ask(client, method, address, data=None, **headers):
    """Send what a page of ours would send: JSON with the CSRF token."""
    csrf = client.cookies.get(settings.CSRF_COOKIE_NAME)
    if csrf is None:
        client.get("/studies/")
        csrf = client.cookies.get(settings.CSRF_COOKIE_NAME)
    more = {"x-csrftoken": csrf.value} if csrf else {}
    kwargs = {"content_type": "application/json", "headers": {**more, **headers}}
    return getattr(client, method)(address, data or {}, **kwargs)


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


def test_person_makes_lists_renews_and_ends_tokens(radiologist, colleague):
    browser = signed_in("radiologist")
    made = ask(browser, "post", TOKENS, NEW)
    assert made.status_code == 201, made.content
    key, secret = made.json()["key"], made.json()["secret"]
    assert Client().get("/api/v1/studies", headers=bearer(secret)).status_code == 200

    (listed,) = browser.get(TOKENS).json()["results"]
    assert (listed["key"], listed["scopes"], listed["name"]) == (key, ["read"], "script")
    assert secret not in str(listed)

    fresh = ask(browser, "post", f"{TOKENS}/{key}/rotate").json()
    assert fresh["secret"] != secret
    assert Client().get("/api/v1/studies", headers=bearer(fresh["secret"])).status_code == 200
    assert Client().get("/api/v1/studies", headers=bearer(secret)).status_code == 200, "for an hour"

    assert ask(browser, "delete", f"{TOKENS}/{key}").status_code == 204
    assert Client().get("/api/v1/studies", headers=bearer(secret)).status_code == 401
    assert ask(browser, "delete", f"{TOKENS}/{key}").status_code == 404
    kinds = set(AuditEvent.objects.filter(actor=radiologist).values_list("act", flat=True))
    assert {"create-token", "rotate-token", "revoke-token"} <= kinds
    other = signed_in("colleague")
    assert other.get(TOKENS).json() == {"results": []}
    assert ask(other, "post", f"{TOKENS}/{fresh['key']}/rotate").status_code == 404
    assert ask(other, "delete", f"{TOKENS}/{fresh['key']}").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"name": ""}, 400),
        ({"scopes": []}, 400),
        ({"scopes": ["everything"]}, 400),
        ({"scopes": ["admin"]}, 403),
        ({"days": 0}, 400),
        ({"days": 3000}, 400),
        ({"project": "nowhere"}, 400),
    ],
)
def test_wrong_questions_are_refused_with_their_field(radiologist, wrong, status):
    answer = ask(signed_in("radiologist"), "post", TOKENS, {**NEW, **wrong})

    assert answer.status_code == status
    assert not ApiToken.objects.exists()


def test_sign_in_must_be_recent(radiologist):
    browser = signed_in("radiologist")
    key = ask(browser, "post", TOKENS, NEW).json()["key"]
    age_session(browser, began_s=settings.TWINSIGHT_STEP_UP_S + 1)

    for address in (TOKENS, f"{TOKENS}/{key}/rotate"):
        answer = ask(browser, "post", address, NEW)
        assert (answer.status_code, answer.json()["code"]) == (403, "recent-login-required")
    assert ApiToken.objects.count() == 1


def test_token_makes_no_token_and_renews_or_ends_itself_alone(radiologist):
    browser = signed_in("radiologist")
    writes = {**NEW, "scopes": ["read", "write"]}
    one, two = (ask(browser, "post", TOKENS, writes).json() for _ in range(2))
    program = Client(headers={"Authorization": f"Bearer {one['secret']}"})
    sent = {"content_type": "application/json"}

    for address in (TOKENS, f"{TOKENS}/{two['key']}/rotate"):
        answer = program.post(address, NEW, **sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "session-required")
    assert program.delete(f"{TOKENS}/{two['key']}").status_code == 403
    assert program.post(f"{TOKENS}/{one['key']}/rotate", **sent).status_code == 201
    assert program.delete(f"{TOKENS}/{one['key']}").status_code == 204
    assert program.get(TOKENS).status_code == 401


def test_nobody_gets_a_new_secret_of_another(radiologist, archive_admin):
    """A user administrator ends tokens of others, and never speaks for them."""
    token = ask(signed_in("radiologist"), "post", TOKENS, NEW).json()
    administrator = signed_in("archive_admin")

    assert ask(administrator, "post", f"{TOKENS}/{token['key']}/rotate").status_code == 404
    page = administrator.post(f"/account/tokens/{token['key']}/rotate/")
    assert page.status_code == 404
    assert ApiToken.objects.count() == 1
    ended = f"/manage/users/{radiologist.pk}/tokens/{token['key']}/revoke/"
    assert administrator.post(ended).status_code == 302
    assert Client().get("/api/v1/studies", headers=bearer(token["secret"])).status_code == 401


def test_rights_that_were_lost_are_not_renewed(radiologist, archive_admin):
    browser = signed_in("archive_admin")
    token = ask(browser, "post", TOKENS, {**NEW, "scopes": ["admin", "read"]}).json()
    archive_admin.memberships.all().delete()
    archive_admin.is_superuser = False
    archive_admin.save()

    assert ask(browser, "post", f"{TOKENS}/{token['key']}/rotate").status_code == 403
