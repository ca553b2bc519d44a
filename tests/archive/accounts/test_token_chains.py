"""A token that renews itself again and again ends all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import ApiToken
from tests.builders.sign_in import signed_in

pytestmark = pytest.mark.django_db


def _renew(secret: str, key: int):
    bearer = {"authorization": f"Bearer {secret}"}
    return Client().post(f"/api/v1/tokens/{key}/rotate", headers=bearer)


def test_token_and_its_successors_end_with_their_chain(radiologist, settings):
    settings.TWINSIGHT_TOKEN_RENEWAL_DAYS = 100
    browser = signed_in("radiologist")
    values = {"name": "script", "scopes": ["read", "write"], "days": "60"}
    made = browser.post("/account/tokens/", values).context["made"]
    row, secret = made["token"], made["secret"]
    first = timezone.now() - timedelta(days=50)
    ApiToken.objects.update(created_at=first, expires_at=first + timedelta(days=60))

    told = _renew(secret, row.pk).json()

    heir = ApiToken.objects.get(pk=told["key"])
    assert (heir.first_made_at, heir.expires_at) == (first, first + timedelta(days=100))
    assert told["renewable_until"][:10] == str((first + timedelta(days=100)).date())
    # However often, by program or by hand: no day more.
    again = _renew(told["secret"], heir.pk).json()
    by_hand = browser.post(f"/account/tokens/{again['key']}/rotate/").context["made"]["token"]
    assert by_hand.expires_at == first + timedelta(days=100)
    assert b"renewable until" in browser.get("/account/tokens/").content
    ApiToken.objects.filter(pk=by_hand.pk).update(first_made_at=first - timedelta(days=51))
    secret = again["secret"]
    ApiToken.objects.filter(pk=again["key"]).update(first_made_at=first - timedelta(days=51))
    refused = _renew(secret, again["key"])
    assert (refused.status_code, refused.json()["code"]) == (409, "renewal-over")
    assert browser.post(f"/account/tokens/{by_hand.pk}/rotate/").status_code == 409


def test_token_without_an_end_has_one_once_it_is_renewed(settings):
    settings.TWINSIGHT_TOKEN_RENEWAL_DAYS = 100
    secret = create_api_token(asker=Asker(door="command"), username="pacs", scopes=["write"])
    endless = ApiToken.objects.get()
    assert endless.expires_at is None

    heir = ApiToken.objects.get(pk=_renew(secret, endless.pk).json()["key"])

    assert heir.expires_at == endless.created_at + timedelta(days=100)


def test_old_secret_gets_no_second_successor(radiologist):
    browser = signed_in("radiologist")
    values = {"name": "script", "scopes": ["read", "write"], "days": "60"}
    made = browser.post("/account/tokens/", values).context["made"]
    row, secret = made["token"], made["secret"]
    heir = _renew(secret, row.pk).json()

    # Whoever found it has an hour, and nothing beyond it; by hand it is the same.
    refused = _renew(secret, row.pk)
    assert (refused.status_code, refused.json()["code"]) == (409, "renewed-already")
    assert browser.post(f"/account/tokens/{row.pk}/rotate/").status_code == 409
    assert ApiToken.objects.count() == 2
    # A successor whose secret was lost on the way is revoked, and made anew.
    browser.post(f"/account/tokens/{heir['key']}/revoke/")
    assert _renew(secret, row.pk).status_code == 201
