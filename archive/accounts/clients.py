"""Programs that sign in by OAuth 2: registered, given keys or a secret, switched off."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from oauth2_provider.models import Application

from archive.access.projects import find_project
from archive.access.smart import is_known_scope
from archive.accounts.assertions import public_keys, require_fetchable
from archive.accounts.selectors import require_user_admin
from archive.accounts.services import create_user
from archive.audit.accounts import record_client_changed
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import ApiToken, ServiceClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import AnonymousUser, User
    from django.db.models import QuerySet

    from archive.audit.types import Asker


def list_clients(asker: User | AnonymousUser) -> QuerySet[ServiceClient]:
    """Return all clients with their accounts."""
    require_user_admin(asker)
    return ServiceClient.objects.select_related("application__user", "project")


@transaction.atomic
def register_client(
    *,
    asker: Asker,
    name: str,
    scopes: Iterable[str],
    jwks: Any = None,
    jwks_url: str = "",
    project_slug: str = "",
) -> tuple[ServiceClient, str]:
    """Register a program, with an account of its own that holds nothing yet.

    Returns
    -------
    the client, and its secret where it has no keys: shown once, kept as a hash

    Raises
    ------
    InvalidRequestError
        A scope is unknown, the keys can't be used, or the name is taken.
    """
    require_user_admin(asker.user)
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if not is_known_scope(scope)]
    if unknown or not wanted:
        named = ", ".join(unknown) or _("none")
        raise InvalidRequestError(_("Unknown scopes: %(named)s.") % {"named": named[:300]})
    _check_keys(jwks, jwks_url)
    user = create_user(asker=asker, username=name, is_service=True)
    secret = "" if jwks or jwks_url else secrets.token_urlsafe(32)
    application = Application.objects.create(
        name=name.strip(),
        user=user,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret or secrets.token_urlsafe(32),
    )
    client = ServiceClient.objects.create(
        application=application,
        scopes=wanted,
        jwks=jwks or {},
        jwks_url=jwks_url,
        project=find_project(project_slug) if project_slug else None,
    )
    _record(asker, "register-client", client, {"scopes": wanted, "keys": bool(jwks or jwks_url)})
    return client, secret


def _check_keys(jwks: Any, jwks_url: str) -> None:
    if jwks and jwks_url:
        raise InvalidRequestError(_("Enter the keys or where they are, not both."))
    if jwks and not public_keys(jwks):
        raise InvalidRequestError(
            _("That is no set of public keys (JWKS): RSA or EC, with a kid, without private parts.")
        )
    if jwks_url:
        require_fetchable(jwks_url)


@transaction.atomic
def renew_secret(*, asker: Asker, client_id: int) -> str:
    """Give a client a new secret; the old one is void at once."""
    client = _find(asker, client_id)
    if client.jwks or client.jwks_url:
        raise InvalidRequestError(_("This client has keys; it has no secret."))
    secret = secrets.token_urlsafe(32)
    client.application.client_secret = secret
    client.application.save()
    _revoke_tokens(client)
    _record(asker, "renew-client-secret", client)
    return secret


@transaction.atomic
def switch_client(*, asker: Asker, client_id: int, is_enabled: bool) -> None:
    """Switch a client on or off; its tokens end at once."""
    client = _find(asker, client_id)
    client.is_enabled = is_enabled
    client.save(update_fields=["is_enabled"])
    if not is_enabled:
        _revoke_tokens(client)
    _record(asker, "enable-client" if is_enabled else "disable-client", client)


def _find(asker: Asker, client_id: int) -> ServiceClient:
    require_user_admin(asker.user)
    client = list_clients(asker.user).filter(pk=client_id).first()  # type: ignore[arg-type]
    if client is None:
        raise NotVisibleError(_("There is no such client."))
    return client


def _revoke_tokens(client: ServiceClient) -> None:
    ApiToken.objects.filter(client=client, revoked_at__isnull=True).update(
        revoked_at=timezone.now()
    )


def _record(
    asker: Asker, act: str, client: ServiceClient, details: dict[str, Any] | None = None
) -> None:
    record_client_changed(asker, act=act, client=client.application.client_id, details=details)
