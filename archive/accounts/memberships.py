"""Roles given and taken, on record, by those who may; nobody gives a role to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from archive.access.projects import find_project
from archive.access.selectors import is_site_radiology_admin
from archive.accounts.selectors import find_user, is_user_admin
from archive.audit.accounts import record_account_changed
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Membership, Project
from archive.models.access import Role
from archive.models.memberships import forget_memberships, memberships_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser, User

    from archive.audit.types import Asker


def may_give_roles(user: User | AnonymousUser | None, project: Project | None) -> bool:
    """Whether the user says who holds what in a project, or in all of them."""
    if user is None or not user.is_authenticated:
        return False
    if is_user_admin(user) or is_site_radiology_admin(user):
        return True
    return project is not None and any(
        held.role == Role.RADIOLOGY_ADMIN and held.project_id == project.pk
        for held in memberships_of(user)
    )


def projects_to_staff(user: User | AnonymousUser) -> list[Project]:
    """Return the projects in which the user may give roles, by name."""
    every = list(Project.objects.filter(kind=Project.Kind.STANDARD).order_by("name"))
    return [project for project in every if may_give_roles(user, project)]


def may_staff_any(user: User | AnonymousUser) -> bool:
    """Whether the user says in any project who holds what."""
    return bool(
        is_user_admin(user)
        or any(held.role == Role.RADIOLOGY_ADMIN for held in memberships_of(user))
    )


@transaction.atomic
def give_role(
    *,
    asker: Asker,
    user_id: int,
    role: str,
    project_slug: str = "",
    expires_at: datetime | None = None,
) -> Membership:
    """Give an account a role in a project, or in every standard project; perhaps for a time.

    Raises
    ------
    InvalidRequestError
        There is no such role, or its end has passed.
    NotAllowedError
        The asker doesn't say who holds what there, or is the account.
    """
    project = find_project(project_slug) if project_slug else None
    user = _require(asker, user_id, project)
    if role not in Role.values:
        raise InvalidRequestError(_("There is no such role."))
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequestError(_("That day has passed."))
    membership, _made = Membership.objects.update_or_create(
        user=user, project=project, role=role, defaults={"expires_at": expires_at, "origin": ""}
    )
    forget_memberships()
    _record(asker, "give-role", membership)
    return membership


@transaction.atomic
def take_role(*, asker: Asker, membership_id: int) -> None:
    """Take a role from an account; it holds no more at once."""
    found = Membership.objects.select_related("user", "project").filter(pk=membership_id).first()
    if found is None or not may_give_roles(asker.user, found.project):
        raise NotVisibleError(_("There is no such role."))
    _require(asker, found.user_id, found.project)
    _record(asker, "take-role", found)
    found.delete()
    forget_memberships()


def _require(asker: Asker, user_id: int, project: Project | None) -> User:
    if not may_give_roles(asker.user, project):
        raise NotAllowedError(_("You don't say who holds what in this project."))
    user = find_user(user_id)
    if user == asker.user:
        raise NotAllowedError(_("Another administrator must change your own roles."))
    return user


def _record(asker: Asker, act: str, membership: Membership) -> None:
    project = membership.project
    end = membership.expires_at
    details = {
        "role": membership.role,
        "project": project.slug if project else "every project",
        **({"until": end.isoformat()} if end else {}),
    }
    record_account_changed(asker, act=act, username=membership.user.get_username(), details=details)
