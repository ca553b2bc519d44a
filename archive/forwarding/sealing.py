"""Credentials of peers, encrypted with a key that follows from the site's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from archive.errors import PeerError


def seal(text: str) -> str:
    """Encrypt; nothing stays nothing.

    Parameters
    ----------
    text
        as it is sent in the ``Authorization`` header
    """
    return _key().encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """Decrypt what `seal` made.

    Raises
    ------
    PeerError
        It was sealed under another secret, or changed.
    """
    if not sealed:
        return ""
    try:
        return _key().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        message = "Its credentials were sealed under another secret of the site: enter them anew."
        raise PeerError(message, code="credentials-unreadable") from error


def _key() -> Fernet:
    secret = settings.SECRET_KEY.encode()
    derived = hmac.new(secret, b"twinsight peer credentials", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(derived))
