"""Signing in elsewhere by OpenID Connect, and what that makes of the account here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from archive.access.middleware import asker_of
from archive.accounts.groups import LDAP, follow_groups
from archive.accounts.openid import FRESH_KEY, SID_KEY, AskedProvider, check_answer, known_at
from archive.accounts.stepup import KNOWN_AT_KEY
from archive.audit.accounts import record_account_changed
from archive.audit.services import record_login
from archive.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allauth.socialaccount.models import SocialLogin
    from django.contrib.auth.models import User
    from django.http import HttpRequest


def providers() -> list[dict[str, str]]:
    """Return the other ways to sign in: their name and address."""
    if not settings.TWINSIGHT_OIDC_SERVER_URL:
        return []
    address = reverse("openid_connect_login", kwargs={"provider_id": settings.TWINSIGHT_OIDC_ID})
    return [{"name": settings.TWINSIGHT_OIDC_NAME, "url": address}]


def known_providers() -> list[tuple[str, str]]:
    """Return the outside directories whose groups can give something: identifier and name."""
    found = []
    if settings.TWINSIGHT_OIDC_SERVER_URL:
        found.append((settings.TWINSIGHT_OIDC_ID, settings.TWINSIGHT_OIDC_NAME))
    if settings.TWINSIGHT_LDAP_URL:
        found.append((LDAP, "LDAP"))
    return found


def groups_in(claims: Mapping[str, Any]) -> list[str]:
    """Return the groups that the provider names, from the identity token and its user info."""
    found: list[str] = []
    for part in (claims.get("id_token"), claims.get("userinfo"), claims):
        named = part.get(settings.TWINSIGHT_OIDC_GROUPS_CLAIM) if isinstance(part, dict) else None
        if isinstance(named, str):
            found.append(named)
        elif isinstance(named, list):
            found.extend(str(one) for one in named)
    return sorted(set(found))


class OutsideAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """A person whom the provider vouches for gets an account, with what their groups give."""

    def get_provider(
        self, request: HttpRequest | None, provider: str, client_id: str | None = None
    ) -> Any:
        """Return the provider as it is asked here."""
        found = super().get_provider(request, provider, client_id=client_id)
        return AskedProvider(request, app=found.app)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Take in whom the provider lets through; without a mapped group they see nothing."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse foreign and weak answers, who lacks the group, and accounts that are off."""
        claims = sociallogin.account.extra_data
        try:
            check_answer(sociallogin.state, claims)
            self._require_group(claims)
        except NotAllowedError as error:
            record_login(asker_of(request), is_success=False)
            messages.error(request, error.message)
            raise ImmediateHttpResponse(redirect("portal:login")) from error
        request.session[SID_KEY] = claims["id_token"].get("sid")
        request.session[KNOWN_AT_KEY] = known_at(claims["id_token"])
        request.session.pop(FRESH_KEY, None)
        if sociallogin.is_existing and sociallogin.user.is_active:
            self._follow(request, sociallogin.user, claims)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the account, on record, with what its groups give."""
        user: User = super().save_user(request, sociallogin, form)
        record_account_changed(
            asker_of(request),
            act="create-account",
            username=user.get_username(),
            details={"provider": settings.TWINSIGHT_OIDC_ID},
        )
        self._follow(request, user, sociallogin.account.extra_data)
        return user

    def on_authentication_error(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Put it on record."""
        record_login(asker_of(request), is_success=False)
        super().on_authentication_error(request, *args, **kwargs)

    @staticmethod
    def _require_group(claims: Mapping[str, Any]) -> None:
        required = settings.TWINSIGHT_OIDC_REQUIRED_GROUP
        if required and required not in groups_in(claims):
            raise NotAllowedError(_("Your account there may not use this archive."))

    @staticmethod
    def _follow(request: HttpRequest, user: User, claims: Mapping[str, Any]) -> None:
        follow_groups(
            asker=asker_of(request, name=user.get_username()),
            user=user,
            provider=settings.TWINSIGHT_OIDC_ID,
            groups=groups_in(claims),
        )
