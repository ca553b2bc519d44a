"""The client credentials grant: the toolkit's clients, our own tokens.

What a client gets is an API token that lives for minutes: kept as a digest, known to every door,
and gone at once with its account.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes

from archive.access.services import TOKEN_PREFIX
from archive.access.smart import PLAIN, RESOURCES, covers
from archive.accounts.assertions import ASSERTION_TYPE, client_of_assertion
from archive.accounts.profiles import public_address
from archive.errors import NotAllowedError
from archive.models import ApiToken, ServiceClient

if TYPE_CHECKING:
    from oauth2_provider.models import Application

_HINT_LENGTH = 12
# Where the view says how it was reached; no header of a request has such a name.
TOKEN_ADDRESS = "twinsight.token_address"  # noqa: S105 no secret


def new_token(_request: Any, refresh_token: bool = False) -> str:  # noqa: FBT001, FBT002
    """Return a secret that looks like every API token, so that leaked ones are found."""
    del refresh_token
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


class ClientScopes(BaseScopes):  # type: ignore[misc]  # the toolkit is untyped
    """Each client has scopes of its own."""

    def get_all_scopes(self) -> dict[str, str]:
        """Return every plain scope, and SMART's for whole resources."""
        names = [*PLAIN, "system/*.rs", *(f"system/{one}.rs" for one in RESOURCES)]
        return {name: name for name in names}

    def get_available_scopes(
        self, application: Application | None = None, request: Any = None, *_: Any, **__: Any
    ) -> list[str]:
        """Return those of the client."""
        return list(application.service_client.scopes) if application is not None else []

    def get_default_scopes(
        self, application: Application | None = None, request: Any = None, *_: Any, **__: Any
    ) -> list[str]:
        """Return what a client gets that asks for nothing: everything it may have."""
        return self.get_available_scopes(application)


class TokenValidator(OAuth2Validator):  # type: ignore[misc]  # as above
    """Knows clients by secret or by signed statement, and makes API tokens."""

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Require it always."""
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Know the client; one that has keys is not let in by a secret."""
        if getattr(request, "client_assertion_type", None):
            return self._authenticate_assertion(request)
        try:
            is_known = super().authenticate_client(request, *args, **kwargs)
        except ValueError:
            # A NUL in an identifier: the database takes none.
            return False
        if not is_known:
            return False
        client = _enabled(request.client)
        return client is not None and not (client.jwks or client.jwks_url)

    def _authenticate_assertion(self, request: Any) -> bool:
        if request.client_assertion_type != ASSERTION_TYPE:
            return False
        try:
            client = client_of_assertion(
                str(getattr(request, "client_assertion", "") or ""), audiences=_audiences(request)
            )
        except NotAllowedError:
            return False
        request.client = client.application
        request.client_id = client.application.client_id
        return True

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        """Allow client credentials alone, in the name of the client's account."""
        request.user = client.user
        return grant_type == "client_credentials" and client.user is not None

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        """Whether all that is asked for lies within what the client may have."""
        allowed = client.service_client.scopes
        return bool(scopes) and all(covers(allowed, scope) for scope in scopes)

    def save_bearer_token(self, token: dict[str, Any], request: Any, *_: Any, **__: Any) -> None:
        """Keep a digest of it, as of every API token."""
        client: ServiceClient = request.client.service_client
        secret, granted = token["access_token"], str(token["scope"])
        now = timezone.now()
        ApiToken.objects.create(
            user=request.client.user,
            name=f"OAuth: {request.client.name}"[:128],
            digest=hashlib.sha256(secret.encode()).hexdigest(),
            hint=secret[:_HINT_LENGTH],
            scopes=[scope for scope in granted.split() if scope in PLAIN],
            granted_scope=granted,
            client=client,
            project_id=client.project_id,
            expires_at=now + timedelta(seconds=settings.TWINSIGHT_OAUTH_TOKEN_S),
        )
        ServiceClient.objects.filter(pk=client.pk).update(last_used_at=now)
        token["expires_in"] = settings.TWINSIGHT_OAUTH_TOKEN_S


def _enabled(application: Application) -> ServiceClient | None:
    found: ServiceClient | None = ServiceClient.objects.filter(application=application).first()
    is_usable = found is not None and found.is_enabled and application.user.is_active
    return found if is_usable else None


def _audiences(request: Any) -> list[str]:
    """Return how clients may call the token endpoint: as they reached it, and its public name."""
    address = str(request.headers.get(TOKEN_ADDRESS, ""))
    return sorted({address, public_address(address)})
