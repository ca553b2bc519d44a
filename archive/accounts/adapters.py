"""How django-allauth works here: no sign-up, our own record, our own addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from archive.access.middleware import asker_of
from archive.access.selectors import known_username
from archive.accounts import profiles
from archive.accounts.sealing import seal, unseal
from archive.accounts.stepup import is_recent
from archive.audit.accounts import record_logout
from archive.audit.services import record_login

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponseBase

_SILENT = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Accounts are made by administrators and by outside directories, never by strangers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave wrong passwords to axes: a limit by name alone locks out the right person."""

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Put it on record; the name is kept only where it is an account's."""
        name = known_username(str(credentials.get("username", "")))
        record_login(asker_of(request, name=name), is_success=False)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponseBase:
        """Put it on record, and take over what the account prefers."""
        record_login(asker_of(request), is_success=True)
        response: HttpResponseBase = super().post_login(request, user, **kwargs)
        profiles.begin_session(request, user, response)
        return response

    def logout(self, request: HttpRequest) -> None:
        """End the session, on record."""
        if request.user.is_authenticated:
            record_logout(asker_of(request))
        super().logout(request)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str = "", *args: Any, **more: Any
    ) -> None:
        """Say nothing of what the page itself shows."""
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, *args, **more)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the peer's address; headers that anyone can send don't count."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104 no address at all

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link of a mail: never by the Host that a stranger named."""
        address: str = super().get_reset_password_from_key_url(key)
        return profiles.public_address(address)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask again only where the sign-in is not recent."""
        del app, kwargs
        return not is_recent(context.request)


class SecondStepAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """Secrets of authenticators lie encrypted."""

    def get_totp_label(self, user: User) -> str:
        """Return the account's name."""
        return user.get_username()

    def encrypt(self, text: str) -> str:
        """Encrypt with the site's secret."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt."""
        return unseal(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the site that passkeys are made for."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": settings.MFA_TOTP_ISSUER}
