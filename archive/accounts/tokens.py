"""API tokens of one's own account: made, looked at, rotated, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from archive.access.projects import storing_projects
from archive.access.selectors import is_radiology_admin
from archive.access.services import TOKEN_PREFIX
from archive.audit import services as audit
from archive.audit.accounts import record_account_changed
from archive.errors import (
    InvalidRequestError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.models import ApiToken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser, User
    from django.db.models import QuerySet

    from archive.audit.types import Asker

_HINT_LENGTH = 12
# How long the old secret of a rotated token goes on, so that nothing stands still meanwhile.
GRACE = timedelta(hours=1)
_MAX_TOKENS = 50


def list_tokens(user: User | AnonymousUser) -> QuerySet[ApiToken]:
    """Return the account's own tokens that were not revoked; those of OAuth 2 live elsewhere."""
    return (
        ApiToken.objects.filter(user_id=user.pk or 0, revoked_at__isnull=True, client__isnull=True)
        .select_related("project")
        .order_by("-pk")
    )


def scopes_of(user: User | AnonymousUser) -> list[str]:
    """Return the scopes that the account may give its tokens."""
    scopes = [ApiToken.Scope.READ.value, ApiToken.Scope.WRITE.value]
    if getattr(user, "is_superuser", False) or is_radiology_admin(user):
        scopes += [ApiToken.Scope.ADMIN.value, ApiToken.Scope.METRICS.value]
    return scopes


def make_token(
    *, asker: Asker, name: str, scopes: Iterable[str], days: int, project_slug: str = ""
) -> tuple[ApiToken, str]:
    """Make a token that speaks for its maker; return it and the only copy of its secret.

    Raises
    ------
    InvalidRequestError
        It has no name or scope, lives too long, or there are too many.
    NotAllowedError
        A scope is not the account's to give, a token asks, or nobody is signed in.
    """
    user = asker.user
    if user is None or not user.is_authenticated:
        raise NotAllowedError(_("Sign in to make a token."))
    if asker.token_hint:
        # Else whoever found a token could outlive its revocation.
        raise NotAllowedError(
            _("Tokens are made by people who signed in, not by tokens."), code="session-required"
        )
    wanted = sorted(set(scopes))
    if not name.strip():
        raise InvalidRequestError(_("Say what the token is for."))
    if not wanted:
        raise InvalidRequestError(_("A token needs at least one scope."))
    if not set(wanted) <= set(scopes_of(user)):
        raise NotAllowedError(_("A token may do no more than its account."))
    if not 1 <= days <= settings.TWINSIGHT_TOKEN_MAX_DAYS:
        most = settings.TWINSIGHT_TOKEN_MAX_DAYS
        raise InvalidRequestError(_("A token lives for 1 to %(most)d days.") % {"most": most})
    if list_tokens(user).count() >= _MAX_TOKENS:
        raise InvalidRequestError(_("Revoke a token first: there are too many."))
    project = None
    if project_slug:
        found = [one for one in storing_projects(user) if one.slug == project_slug]
        if not found:
            raise InvalidRequestError(_("You may not store studies in this project."))
        project = found[0]
    expires_at = timezone.now() + timedelta(days=days)
    blank = ApiToken(user=user, name=name.strip()[:128], scopes=wanted, project=project)
    return _keep(asker, blank, expires_at)


def _keep(asker: Asker, token: ApiToken, expires_at: datetime) -> tuple[ApiToken, str]:
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token.digest = hashlib.sha256(secret.encode()).hexdigest()
    token.hint = secret[:_HINT_LENGTH]
    token.expires_at = expires_at
    with transaction.atomic():
        token.save(force_insert=True)
        audit.record_token_created(
            asker, hint=token.hint, scopes=list(token.scopes), username=token.user.get_username()
        )
    return token, secret


def rotate_token(*, asker: Asker, token_id: int) -> tuple[ApiToken, str]:
    """Make a successor with the same rights and life; the old secret goes on for an hour.

    Whose token it is alone: a new secret in anybody else's hands would speak for the owner. The
    successors of a token together live no longer than a chain may: whoever found one and renews
    it in silence is out at that day. One successor each: who found the old secret gets none.

    Raises
    ------
    NotVisibleError
        It is none of the asker's, or a client's of OAuth 2.
    NotAllowedError
        It may more by now than its account, or another token asks.
    StateConflictError
        It was renewed for as long as a chain may last, or has a successor already.
    """
    with transaction.atomic():
        return _rotated(asker, _own(asker, token_id, is_locked=True))


def _rotated(asker: Asker, old: ApiToken) -> tuple[ApiToken, str]:
    if asker.user is None or old.user_id != asker.user.pk or old.client_id is not None:
        raise NotVisibleError(_("There is no such token."))
    if asker.token_hint and asker.token_hint != old.hint:
        raise NotAllowedError(_("A token renews itself alone."), code="session-required")
    if not set(old.scopes) <= set(scopes_of(asker.user)):
        raise NotAllowedError(_("A token may do no more than its account."))
    now, last = timezone.now(), old.renewable_until
    if now >= last:
        raise StateConflictError(
            _("This token was renewed for as long as one may be. Sign in and make another."),
            code="renewal-over",
        )
    first = old.first_made_at or old.created_at
    if list_tokens(old.user).filter(first_made_at=first, created_at__gt=old.created_at).exists():
        raise StateConflictError(
            _("This token was renewed already. Revoke its successor first if that was not you."),
            code="renewed-already",
        )
    life = (old.expires_at - old.created_at) if old.expires_at else last - now
    fresh = ApiToken(user=old.user, name=old.name, scopes=old.scopes, project=old.project)
    fresh.first_made_at = first
    made = _keep(asker, fresh, min(now + life, last))
    end = now + GRACE
    if old.expires_at is None or old.expires_at > end:
        old.expires_at = end
        old.save(update_fields=["expires_at"])
    record_account_changed(
        asker,
        act="rotate-token",
        username=old.user.get_username(),
        details={"token": old.hint, "successor": fresh.hint},
    )
    return made


def revoke_token(*, asker: Asker, token_id: int) -> None:
    """End a token at once."""
    token = _own(asker, token_id)
    with transaction.atomic():
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record_account_changed(
            asker,
            act="revoke-token",
            username=token.user.get_username(),
            details={"token": token.hint},
        )


def revoke_own_token(*, asker: Asker, token_id: int) -> None:
    """End one of the asker's own tokens; of a token that asks, itself alone.

    Raises
    ------
    NotVisibleError
        It is none of the asker's.
    NotAllowedError
        Another token asks.
    """
    token = _own(asker, token_id)
    if asker.user is None or token.user_id != asker.user.pk or token.client_id is not None:
        raise NotVisibleError(_("There is no such token."))
    if asker.token_hint and asker.token_hint != token.hint:
        raise NotAllowedError(_("A token ends itself alone."), code="session-required")
    revoke_token(asker=asker, token_id=token_id)


def revoke_all_tokens(user: User) -> int:
    """End every token of an account; return how many there were."""
    open_tokens = ApiToken.objects.filter(user=user, revoked_at__isnull=True)
    return open_tokens.update(revoked_at=timezone.now())


def _own(asker: Asker, token_id: int, *, is_locked: bool = False) -> ApiToken:
    """Return one of the asker's tokens, or of anybody's for the user administrator."""
    user = asker.user
    known = ApiToken.objects.select_related("user", "project").filter(
        pk=token_id, revoked_at__isnull=True
    )
    if user is None or not user.is_authenticated:
        raise NotVisibleError(_("There is no such token."))
    if not user.is_superuser:
        known = known.filter(user=user)
    if is_locked:
        known = known.select_for_update(of=("self",))
    token = known.first()
    if token is None:
        raise NotVisibleError(_("There is no such token."))
    return token
