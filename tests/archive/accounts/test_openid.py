"""What the provider's word must say for a dangerous act: of a sign-in there just now."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User

from archive.accounts.openid import check_answer, known_at
from archive.accounts.stepup import KNOWN_AT_KEY, is_recent
from archive.errors import NotAllowedError


def test_a_fresh_sign_in_is_what_the_provider_calls_one(settings):
    now = int(time.time())
    age = settings.TWINSIGHT_STEP_UP_S
    said = {"nonce": "n", "sub": "1"}

    for auth_time in (None, "now", True, now - age - 90, 0):
        claims = {"id_token": {**said, "auth_time": auth_time}}
        check_answer({"nonce": "n", "is_fresh": False}, claims)
        with pytest.raises(NotAllowedError) as refused:
            check_answer({"nonce": "n", "is_fresh": True}, claims)
        assert refused.value.code == "old-sign-in"
    for auth_time in (now, now - age + 5, now + 20):
        claims = {"id_token": {**said, "auth_time": auth_time}}
        check_answer({"nonce": "n", "is_fresh": True}, claims)
        assert known_at(claims["id_token"]) == auth_time


def test_coming_back_from_there_is_no_proof_by_itself(settings):
    now = time.time()
    records = [{"method": "socialaccount", "at": now, "provider": "oidc"}]
    session = {
        "account_authentication_methods": records,
        "account_authentication_methods_user": "7",
    }
    request = SimpleNamespace(user=User(pk=7), session=session)

    assert not is_recent(request), "it was not said when"
    session[KNOWN_AT_KEY] = now - settings.TWINSIGHT_STEP_UP_S - 5
    assert not is_recent(request)
    session[KNOWN_AT_KEY] = now - 5
    assert is_recent(request)
    records[0]["at"] = now - settings.TWINSIGHT_STEP_UP_S - 5
    assert not is_recent(request), "and nothing that is said there makes it newer"
    records.append({"method": "mfa", "at": now})
    assert is_recent(request)
    records.pop()
    records[0]["at"] = now
    session.pop(KNOWN_AT_KEY)
    settings.TWINSIGHT_OIDC_AUTH_TIME = False
    assert is_recent(request)
