"""Groups of an outside directory, and what they give here; looked at again at every sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from archive.accounts.profiles import account_of
from archive.audit.accounts import record_account_changed
from archive.models import GroupMapping, Membership
from archive.models.memberships import forget_memberships

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.models import Account

LDAP = "ldap"
_MAX_GROUPS = 500


@transaction.atomic
def follow_groups(*, asker: Asker, user: User, provider: str, groups: Iterable[str]) -> None:
    """Give and take roles so that they are what the person's groups mean now.

    What a person here gave by hand stays; what groups gave goes with them.

    Parameters
    ----------
    provider
        whose groups these are
    groups
        their names, as the provider calls them
    """
    named = sorted({str(group)[:255] for group in groups})[:_MAX_GROUPS]
    mappings = list(GroupMapping.objects.filter(provider=provider, group__in=named))
    given, taken = _follow_roles(user, provider, mappings)
    account = account_of(user)
    is_admin = any(mapping.is_user_admin for mapping in mappings)
    is_changed = _follow_admin(user, account, provider, is_admin=is_admin)
    account.outside_groups = named
    account.save(update_fields=["outside_groups", "admin_origin"])
    if given or taken or is_changed:
        forget_memberships()
        record_account_changed(
            asker,
            act="follow-groups",
            username=user.get_username(),
            details={"provider": provider, "given": given, "taken": taken, "admin": is_admin},
        )


def _follow_admin(user: User, account: Account, provider: str, *, is_admin: bool) -> bool:
    """Make the person a user administrator, or no more one if that came from these groups."""
    if is_admin == user.is_superuser or (user.is_superuser and account.admin_origin != provider):
        return False
    account.admin_origin = provider if is_admin else ""
    user.is_superuser = user.is_staff = is_admin
    user.save(update_fields=["is_superuser", "is_staff"])
    return True


def _follow_roles(
    user: User, provider: str, mappings: list[GroupMapping]
) -> tuple[list[str], list[str]]:
    wanted = {(one.role, one.project_id) for one in mappings if one.role}
    held = list(Membership.objects.filter(user=user))
    mine = {(one.role, one.project_id): one for one in held if one.origin == provider}
    by_hand = {(one.role, one.project_id) for one in held if one.origin != provider}
    taken = [key for key in mine if key not in wanted]
    given = [key for key in wanted if key not in mine and key not in by_hand]
    Membership.objects.filter(pk__in=[mine[key].pk for key in taken]).delete()
    for role, project_key in given:
        Membership.objects.create(user=user, role=role, project_id=project_key, origin=provider)
    return [_said(key) for key in given], [_said(key) for key in taken]


def _said(key: tuple[str, int | None]) -> str:
    return f"{key[0]}@{key[1] if key[1] is not None else 'every project'}"
