"""Clients that prove who they are by a signed statement: ``private_key_jwt`` (RFC 7523).

References
----------
OpenID Connect Core 9; HL7 SMART App Launch 2.2, Client Authentication: Asymmetric
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import requests
from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone
from jwt import PyJWK

from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import ServiceClient, UsedAssertion

if TYPE_CHECKING:
    from collections.abc import Mapping

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384", "RS256", "ES256", "PS256", "PS384")
# SMART: a statement lives for five minutes at most.
_MAX_LIFE = timedelta(minutes=5)
_LEEWAY_S = 10
_MAX_ASSERTION = 8192
_MAX_JWKS_BYTES = 65_536
_JWKS_KEPT_S = 300
_FETCH_TIMEOUT_S = 5


def client_of_assertion(assertion: str, *, audiences: list[str]) -> ServiceClient:
    """Return the client that signed a statement, which is never taken again.

    Parameters
    ----------
    audiences
        addresses of the token endpoint, one of which the statement must name

    Raises
    ------
    NotAllowedError
        It isn't signed by a known client, is too old or too long-lived, or was taken before.
    """
    if len(assertion) > _MAX_ASSERTION:
        raise NotAllowedError("The assertion is too long.")
    try:
        header = jwt.get_unverified_header(assertion)
        unproven = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise NotAllowedError("The assertion is no signed token.") from error
    client = _client(unproven.get("iss"))
    claims = _verified(assertion, header, client, audiences)
    _use_once(client, claims)
    return client


def _client(client_id: Any) -> ServiceClient:
    if not isinstance(client_id, str) or not client_id.isalnum():
        raise NotAllowedError("The client is unknown.")
    client = (
        ServiceClient.objects.select_related("application__user", "project")
        .filter(application__client_id=client_id[:100], is_enabled=True)
        .first()
    )
    if client is None or not client.application.user.is_active:
        raise NotAllowedError("The client is unknown.")
    return client


def _verified(
    assertion: str, header: Mapping[str, Any], client: ServiceClient, audiences: list[str]
) -> dict[str, Any]:
    name = client.application.client_id
    key = _key(client, str(header.get("kid", "")), str(header.get("alg", "")))
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key=key,
            algorithms=list(ALGORITHMS),
            audience=audiences,
            issuer=name,
            leeway=_LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
    except jwt.InvalidTokenError as error:
        message = f"The assertion is not valid: {error}."
        raise NotAllowedError(message) from error
    if claims["sub"] != name or not str(claims["jti"]):
        raise NotAllowedError("The assertion must name its client as issuer and subject.")
    if _end(claims) - timezone.now() > _MAX_LIFE + timedelta(seconds=_LEEWAY_S):
        raise NotAllowedError("The assertion may live for five minutes at most.")
    return claims


def _end(claims: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(int(claims["exp"]), tz=UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise NotAllowedError("The assertion ends at no time that there is.") from error


def _use_once(client: ServiceClient, claims: Mapping[str, Any]) -> None:
    used = f"{client.application.client_id}\0{claims['jti']}"
    digest = hashlib.sha256(used.encode()).hexdigest()
    end = _end(claims) + timedelta(seconds=_LEEWAY_S)
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(digest=digest, expires_at=end)
    except IntegrityError as error:
        raise NotAllowedError("This assertion was taken already.") from error


def _key(client: ServiceClient, key_id: str, algorithm: str) -> Any:
    if algorithm not in ALGORITHMS:
        raise NotAllowedError("The assertion's algorithm is not allowed.")
    keys = [one for one in _keys(client) if str(one.get("kid", "")) == key_id]
    if len(keys) != 1:
        raise NotAllowedError("The client has no such key.")
    try:
        return PyJWK(keys[0], algorithm=algorithm).key
    except jwt.PyJWTError as error:
        raise NotAllowedError("The client's key can't be used.") from error


def _keys(client: ServiceClient) -> list[dict[str, Any]]:
    if not client.jwks_url:
        return public_keys(client.jwks)
    name = f"jwks:{hashlib.sha256(client.jwks_url.encode()).hexdigest()}"
    kept: list[dict[str, Any]] | None = cache.get(name)
    if kept is None:
        kept = public_keys(_fetch(client.jwks_url))
        cache.set(name, kept, _JWKS_KEPT_S)
    return kept


def public_keys(jwks: Any) -> list[dict[str, Any]]:
    """Return the usable keys of a set (RFC 7517): public, with an identifier, RSA or EC."""
    listed = jwks.get("keys", []) if isinstance(jwks, dict) else []
    return [
        one
        for one in listed
        if isinstance(one, dict) and one.get("kty") in {"RSA", "EC"} and "d" not in one
    ]


def require_fetchable(address: str) -> None:
    """Raise InvalidRequestError unless keys may be fetched from there: https, and a named host."""
    parts = urlsplit(address)
    if parts.scheme != "https" or parts.hostname not in settings.TWINSIGHT_JWKS_HOSTS:
        message = "Keys are fetched by https from hosts named in TWINSIGHT_JWKS_HOSTS only."
        raise InvalidRequestError(message)


def _fetch(address: str) -> Any:
    try:
        require_fetchable(address)
        with requests.get(
            address, timeout=_FETCH_TIMEOUT_S, allow_redirects=False, stream=True
        ) as response:
            response.raise_for_status()
            content = response.raw.read(_MAX_JWKS_BYTES + 1, decode_content=False)
        if response.is_redirect or len(content) > _MAX_JWKS_BYTES:
            raise NotAllowedError("The client's keys can't be fetched.")
        return json.loads(content)
    except (requests.RequestException, ValueError, RecursionError, InvalidRequestError) as error:
        raise NotAllowedError("The client's keys can't be fetched.") from error


def purge_assertions() -> int:
    """Forget statements that are too old to be taken in any case; return how many."""
    gone, _kinds = UsedAssertion.objects.filter(expires_at__lt=timezone.now()).delete()
    return gone
