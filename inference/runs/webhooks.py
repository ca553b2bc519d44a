"""Post news to an address that the site allows: signed, without a redirect, never for long."""

from __future__ import annotations

import hashlib
import hmac
import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext

from archive.errors import InvalidRequestError, PeerRefusedError, PeerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 3.0
_CLIENTS = {"http": HTTPConnection, "https": HTTPSConnection}


def are_webhooks_possible() -> bool:
    """Whether the site names any host to post to."""
    return bool(settings.TWINSIGHT_WEBHOOK_HOSTS)


def require_allowed_url(url: str) -> None:
    """Raise InvalidRequestError unless the address is one of a host that the site names."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        where = {host, f"{host}:{parts.port}"} if parts.port else {host}
    except ValueError as error:
        raise InvalidRequestError(gettext("This is no address of the web.")) from error
    if parts.scheme not in _CLIENTS or parts.username is not None:
        raise InvalidRequestError(
            gettext("A webhook's address begins with https:// and names no user.")
        )
    if not where & set(settings.TWINSIGHT_WEBHOOK_HOSTS):
        message = "This host is not one of those that the site allows (TWINSIGHT_WEBHOOK_HOSTS)."
        raise InvalidRequestError(message)


def post_signed(url: str, secret: str, content: Mapping[str, Any]) -> None:
    """Post JSON with its HMAC-SHA256 in ``X-Twinsight-Signature``.

    Raises
    ------
    InvalidRequestError
        The site does not allow the address, any more.
    PeerUnreachableError
        Nobody answered in time.
    PeerRefusedError
        The answer was no success; a redirect is none.
    """
    require_allowed_url(url)
    parts = urlsplit(url)
    body = json.dumps(content, separators=(",", ":")).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Twinsight",
        "X-Twinsight-Signature": f"sha256={signature}",
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    client = _CLIENTS[parts.scheme](parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        client.request("POST", path, body, headers)
        status = client.getresponse().status
    except (OSError, HTTPException, ValueError) as error:
        # An address that HTTP has no letters for is nobody's either.
        raise PeerUnreachableError(f"No answer: {type(error).__name__}.") from error
    finally:
        client.close()
    if not 200 <= status < 300:
        raise PeerRefusedError(f"Answered {status}.")
