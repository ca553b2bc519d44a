"""Secrets of second steps, encrypted with a key that follows from the site's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet
from django.conf import settings


def seal(text: str) -> str:
    """Encrypt."""
    return _key().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt what `seal` made."""
    return _key().decrypt(sealed.encode()).decode()


def _key() -> Fernet:
    secret = settings.SECRET_KEY.encode()
    derived = hmac.new(secret, b"twinsight second steps", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(derived))
