"""Which groups of an outside directory give what here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from archive.access.projects import find_project
from archive.accounts.selectors import require_user_admin
from archive.audit.accounts import record_account_changed
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import GroupMapping
from archive.models.access import Role

if TYPE_CHECKING:
    from archive.audit.types import Asker


def add_mapping(
    *,
    asker: Asker,
    provider: str,
    group: str,
    role: str = "",
    project_slug: str = "",
    is_user_admin: bool = False,
) -> GroupMapping:
    """Let members of a group hold a role, or manage accounts, from their next sign-in on."""
    require_user_admin(asker.user)
    if not (role or is_user_admin):
        raise InvalidRequestError(_("Say which role the group gives, or that it manages accounts."))
    if role and role not in Role.values:
        raise InvalidRequestError(_("There is no such role."))
    project = find_project(project_slug) if project_slug else None
    try:
        with transaction.atomic():
            mapping = GroupMapping.objects.create(
                provider=provider.strip(),
                group=group.strip(),
                role=role,
                project=project,
                is_user_admin=is_user_admin,
            )
            _record(asker, "map-group", mapping)
    except IntegrityError as error:
        raise InvalidRequestError(_("This group gives that already.")) from error
    return mapping


@transaction.atomic
def remove_mapping(*, asker: Asker, mapping_id: int) -> None:
    """Let a group give that no more, from its members' next sign-in on."""
    require_user_admin(asker.user)
    mapping = GroupMapping.objects.filter(pk=mapping_id).first()
    if mapping is None:
        raise NotVisibleError(_("There is no such group."))
    _record(asker, "unmap-group", mapping)
    mapping.delete()


def _record(asker: Asker, act: str, mapping: GroupMapping) -> None:
    details = {
        "provider": mapping.provider,
        "group": mapping.group,
        "role": mapping.role,
        "project": mapping.project.slug if mapping.project else "every project",
        "admin": mapping.is_user_admin,
    }
    record_account_changed(asker, act=act, username="", details=details)
