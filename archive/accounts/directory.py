"""Signing in with the name and password of an LDAP directory (extra `ldap`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import ldap
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django_auth_ldap.backend import LDAPBackend
from django_auth_ldap.config import GroupOfNamesType, LDAPSearch

from archive.access.middleware import asker_of
from archive.accounts.groups import LDAP, follow_groups
from archive.accounts.profiles import account_of
from archive.audit.types import Asker
from archive.models import Account

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

_TIMEOUT_S = 5


def directory_settings() -> dict[str, Any]:
    """Return what django-auth-ldap wants to know, from the site's settings."""
    options: dict[int, Any] = {
        ldap.OPT_REFERRALS: 0,
        ldap.OPT_NETWORK_TIMEOUT: _TIMEOUT_S,
        ldap.OPT_TIMEOUT: _TIMEOUT_S,
        ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
    }
    if settings.TWINSIGHT_LDAP_AUTHORITY:
        options[ldap.OPT_X_TLS_CACERTFILE] = settings.TWINSIGHT_LDAP_AUTHORITY
        options[ldap.OPT_X_TLS_NEWCTX] = 0
    groups = settings.TWINSIGHT_LDAP_GROUPS_DN
    known = {
        "SERVER_URI": settings.TWINSIGHT_LDAP_URL,
        "BIND_DN": settings.TWINSIGHT_LDAP_BIND_DN,
        "BIND_PASSWORD": settings.TWINSIGHT_LDAP_BIND_PASSWORD,
        "START_TLS": settings.TWINSIGHT_LDAP_START_TLS,
        "CONNECTION_OPTIONS": options,
        "USER_SEARCH": LDAPSearch(
            settings.TWINSIGHT_LDAP_USERS_DN,
            ldap.SCOPE_SUBTREE,
            settings.TWINSIGHT_LDAP_USER_FILTER,
        ),
        "USER_ATTR_MAP": {"first_name": "givenName", "last_name": "sn", "email": "mail"},
        "ALWAYS_UPDATE_USER": True,
        "NO_NEW_USERS": False,
    }
    if groups:
        known["GROUP_SEARCH"] = LDAPSearch(groups, ldap.SCOPE_SUBTREE, "(objectClass=groupOfNames)")
        known["GROUP_TYPE"] = GroupOfNamesType(name_attr="cn")
        if settings.TWINSIGHT_LDAP_REQUIRED_GROUP:
            known["REQUIRE_GROUP"] = settings.TWINSIGHT_LDAP_REQUIRED_GROUP
    return known


def _is_known_by(user: User) -> bool:
    """Whether the directory speaks for an account of the same name.

    It may have made it, or it waits for its person; one with a password of this archive, of
    another sign-in or of a program is somebody else's, whatever the directory calls its people.
    """
    account = account_of(user)
    if account.directory == LDAP:
        return True
    if user.has_usable_password() or account.kind != Account.Kind.PERSON:
        return False
    return not SocialAccount.objects.filter(user=user).exists()


class DirectoryBackend(LDAPBackend):  # type: ignore[misc]  # untyped
    """The directory checks the password; its groups say what the account holds here."""

    default_settings = property(lambda _self: directory_settings())

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[User, bool]:
        """Return the account of the person, or a new one; never somebody else's of that name."""
        user, is_new = super().get_or_build_user(username, ldap_user)
        if not is_new and not _is_known_by(user):
            logger.warning("the directory has a name that is another account's here")
            message = "This account is not the directory's."
            raise ldap_user.AuthenticationFailed(message)
        return user, is_new

    def authenticate_ldap_user(self, ldap_user: Any, password: str) -> User | None:
        """Sign in, and look at the person's groups again."""
        user: User | None = super().authenticate_ldap_user(ldap_user, password)
        if user is None or not user.is_active:
            return None
        request: HttpRequest | None = getattr(ldap_user, "_request", None)
        Account.objects.filter(pk=account_of(user).pk).update(directory=LDAP)
        name = user.get_username()
        asker = asker_of(request, name=name) if request else Asker(door="portal", name=name)
        names = ldap_user.group_names if settings.TWINSIGHT_LDAP_GROUPS_DN else []
        follow_groups(asker=asker, user=user, provider=LDAP, groups=names)
        return user
