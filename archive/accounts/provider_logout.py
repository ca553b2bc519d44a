"""The OpenID provider says that somebody signed out there: their sessions end here, too.

References
----------
OpenID Connect Back-Channel Logout 1.0: 2.4 to 2.6
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import requests
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from jwt import PyJWK

from archive.accounts.assertions import ALGORITHMS, public_keys
from archive.accounts.openid import SID_KEY
from archive.accounts.sessions import end_rows
from archive.audit.accounts import record_session_ended
from archive.errors import NotAllowedError

if TYPE_CHECKING:
    from archive.audit.types import Asker

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_ALGORITHMS = [*ALGORITHMS, "RS512", "PS512", "ES512"]
_MAX_TOKEN, _LEEWAY_S, _KEPT_S, _TIMEOUT_S = 8192, 60, 300, 5
_MAX_AGE = timedelta(minutes=5)
_USED_S = int(_MAX_AGE.total_seconds()) + 2 * _LEEWAY_S


def end_provider_sessions(*, asker: Asker, logout_token: str) -> int:
    """End the sessions that began at the provider and ended there; return how many.

    Parameters
    ----------
    logout_token
        signed by the provider, for us, a moment ago, and not used before

    Raises
    ------
    NotAllowedError
        It isn't.
    """
    claims = _verified(logout_token)
    # Held until it is over: what the database refused may be said again.
    name = _name(claims)
    if not cache.add(name, 1, _USED_S):
        raise NotAllowedError("This logout token was taken already.")
    try:
        return _end_sessions(asker, claims)
    except Exception:
        cache.delete(name)
        raise


@transaction.atomic
def _end_sessions(asker: Asker, claims: dict[str, Any]) -> int:
    rows = _meant(claims)
    end_rows(rows)
    names = Counter(row.user.get_username() for row in rows)
    for name, number in names.items():
        record_session_ended(asker, reason="provider", sessions=number, username=name)
    return len(rows)


def _meant(claims: dict[str, Any]) -> list[UserSession]:
    """Return the sessions that a token names: of a person, of a session there, or of both."""
    people = SocialAccount.objects.filter(provider=settings.TWINSIGHT_OIDC_ID)
    if claims.get("sub"):
        people = people.filter(uid=str(claims["sub"]))
    rows = list(UserSession.objects.filter(user__in=people.values("user")).select_related("user"))
    kept = Session.objects.filter(session_key__in=[row.session_key for row in rows])
    known = {one.session_key: one.get_decoded() for one in kept.iterator()}
    return [row for row in rows if _is_meant(known.get(row.session_key, {}), claims)]


def _is_meant(session: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether a session began at the provider, in the session there that ended."""
    records = session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
    if all(one.get("method") != "socialaccount" for one in records):
        return False
    sid, known = claims.get("sid"), session.get(SID_KEY)
    if not claims.get("sub"):
        return bool(known == sid)
    return sid is None or known is None or bool(known == sid)


def _verified(logout_token: str) -> dict[str, Any]:
    if not settings.TWINSIGHT_OIDC_SERVER_URL or len(logout_token) > _MAX_TOKEN:
        raise NotAllowedError("There is no such provider, or the token is too long.")
    try:
        header = jwt.get_unverified_header(logout_token)
        unproven = jwt.decode(logout_token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise NotAllowedError("The logout token is no signed token.") from error
    issuer, keys = _provider()
    if unproven.get("iss") != issuer:
        raise NotAllowedError("The logout token is another provider's.")
    client_id = get_adapter().get_provider(None, settings.TWINSIGHT_OIDC_ID).app.client_id
    try:
        claims: dict[str, Any] = jwt.decode(
            logout_token,
            key=_key(keys, header),
            algorithms=_ALGORITHMS,
            audience=client_id,
            issuer=issuer,
            leeway=_LEEWAY_S,
            options={"require": ["iss", "aud", "iat", "jti"]},
        )
    except jwt.InvalidTokenError as error:
        raise NotAllowedError("The logout token is not valid.") from error
    _require_logout(claims)
    return claims


def _require_logout(claims: dict[str, Any]) -> None:
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise NotAllowedError("The token is no logout token.")
    if not claims.get("sub") and not claims.get("sid"):
        raise NotAllowedError("A logout token says who signed out, or where.")
    # So that an identity token is never taken for one.
    if "nonce" in claims:
        raise NotAllowedError("A logout token has no nonce.")
    if timezone.now() - datetime.fromtimestamp(int(claims["iat"]), tz=UTC) > _MAX_AGE:
        raise NotAllowedError("The logout token is too old.")


def _name(claims: dict[str, Any]) -> str:
    """Return under what a token is remembered as taken."""
    return f"logout-token:{hashlib.sha256(str(claims['jti']).encode()).hexdigest()}"


def _key(keys: list[dict[str, Any]], header: dict[str, Any]) -> Any:
    algorithm = str(header.get("alg", ""))
    found = [one for one in keys if one.get("kid") == header.get("kid")]
    if algorithm not in _ALGORITHMS or len(found) != 1:
        raise NotAllowedError("The provider has no such key.")
    try:
        return PyJWK(found[0], algorithm=algorithm).key
    except jwt.PyJWTError as error:
        raise NotAllowedError("The provider's key can't be used.") from error


def _provider() -> tuple[str, list[dict[str, Any]]]:
    """Return what the provider calls itself, and its keys; asked again every five minutes."""
    name = "provider-keys"
    kept: tuple[str, list[dict[str, Any]]] | None = cache.get(name)
    if kept is not None:
        return kept
    provider = get_adapter().get_provider(None, settings.TWINSIGHT_OIDC_ID)
    try:
        with get_adapter().get_requests_session() as session:
            described = session.get(provider.server_url, timeout=_TIMEOUT_S).json()
            listed = session.get(described["jwks_uri"], timeout=_TIMEOUT_S).json()
        kept = str(described["issuer"]), public_keys(listed)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise NotAllowedError("The provider's keys can't be fetched.") from error
    cache.set(name, kept, _KEPT_S)
    return kept
