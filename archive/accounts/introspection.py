"""What a token is worth, told to those who may ask (RFC 7662)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from archive.audit.accounts import record_account_changed
from archive.models import ApiToken

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from archive.audit.types import Asker


def describe_token(asker: User | AnonymousUser, secret: str) -> dict[str, Any]:
    """Return what is known of a live token; of others only that it is not active.

    A user administrator may ask about every token, an account about its own.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user", "client__application")
        .filter(digest=_digest(secret))
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True)
        .filter(user__is_active=True)
        .first()
    )
    if token is None or not (asker.is_superuser or token.user_id == asker.pk):
        return {"active": False}
    described: dict[str, Any] = {
        "active": True,
        "scope": token.granted_scope or " ".join(token.scopes),
        "token_type": "Bearer",
        "sub": token.user.get_username(),
        "username": token.user.get_username(),
        "iat": int(token.created_at.timestamp()),
    }
    if token.client is not None:
        described["client_id"] = token.client.application.client_id
    if token.expires_at is not None:
        described["exp"] = int(token.expires_at.timestamp())
    return described


@transaction.atomic
def end_token(asker: Asker, secret: str) -> bool:
    """Revoke a token of one's own (RFC 7009), on record; return whether there was one."""
    owner = asker.user.pk if asker.user is not None else None
    rows = ApiToken.objects.select_for_update(of=("self",)).select_related("user")
    token = rows.filter(digest=_digest(secret), revoked_at__isnull=True, user_id=owner or 0).first()
    if token is None:
        return False
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    record_account_changed(
        asker,
        act="revoke-token",
        username=token.user.get_username(),
        details={"token": token.hint},
    )
    return True


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def purge_tokens() -> int:
    """Remove tokens of OAuth 2 clients that ended a day ago; return how many."""
    limit = timezone.now() - timedelta(days=1)
    gone, _kinds = ApiToken.objects.filter(client__isnull=False, expires_at__lt=limit).delete()
    return gone
