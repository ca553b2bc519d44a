"""Accounts, asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _

from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Account, ApiToken, GroupMapping, Membership
from archive.models.access import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from django.db.models import QuerySet

ROLES = Role.choices


def is_user_admin(user: User | AnonymousUser | None) -> bool:
    """Whether the user is the site's user administrator, who reads no images by that."""
    return bool(user is not None and user.is_active and user.is_superuser)


def require_user_admin(user: User | AnonymousUser | None) -> None:
    """Raise NotAllowedError unless the user administers accounts."""
    if not is_user_admin(user):
        raise NotAllowedError(_("Only a user administrator may do this."))


def find_user(user_id: int) -> User:
    """Return an account; raise NotVisibleError where there is none."""
    user = get_user_model().objects.filter(pk=user_id).first()
    if user is None:
        raise NotVisibleError(_("There is no such account."))
    return user


def list_users(asker: User | AnonymousUser, *, search: str = "", show: str = "") -> QuerySet[User]:
    """Return accounts with what they hold, by name.

    Parameters
    ----------
    search
        a part of the name or mail address
    show
        ``people``, ``programs``, ``off`` or nothing for all
    """
    from allauth.mfa.models import Authenticator  # noqa: PLC0415 models need set-up apps

    require_user_admin(asker)
    second = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type="recovery_codes")
    users = (
        get_user_model()
        .objects.select_related("account")
        .annotate(roles=Count("memberships", distinct=True), has_second_step=Exists(second))
        .order_by("username")
    )
    text = search.replace("\x00", "").strip()
    if text:
        users = users.filter(
            Q(username__icontains=text)
            | Q(first_name__icontains=text)
            | Q(last_name__icontains=text)
            | Q(email__icontains=text)
        )
    service = Q(account__kind=Account.Kind.SERVICE)
    kinds = {"people": ~service, "programs": service, "off": Q(is_active=False)}
    return users.filter(kinds[show]) if show in kinds else users


def memberships_held(user: User) -> QuerySet[Membership]:
    """Return the roles of an account with their projects."""
    return Membership.objects.filter(user=user).select_related("project").order_by("pk")


def list_mappings(asker: User | AnonymousUser) -> QuerySet[GroupMapping]:
    """Return what groups of outside directories give."""
    require_user_admin(asker)
    return GroupMapping.objects.select_related("project")


def has_second_step(user: User) -> bool:
    """Whether a password alone doesn't sign the account in."""
    from allauth.mfa.utils import is_mfa_enabled  # noqa: PLC0415 models need set-up apps

    return bool(is_mfa_enabled(user))


def has_key(user: User) -> bool:
    """Whether the account has a security key or passkey."""
    from allauth.mfa.models import Authenticator  # noqa: PLC0415 models need set-up apps

    return bool(Authenticator.objects.filter(user=user, type="webauthn").exists())


def open_tokens(user: User) -> QuerySet[ApiToken]:
    """Return an account's tokens that were not revoked."""
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True).order_by("-pk")
