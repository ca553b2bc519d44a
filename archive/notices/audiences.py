"""Who is told of what concerns everybody of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from archive.models import Membership
from archive.models.access import Role

if TYPE_CHECKING:
    from collections.abc import Iterable


def radiology_admins_of(project_ids: Iterable[int]) -> list[int]:
    """Return keys of active radiology admins of the projects, and of the whole archive."""
    return _admins(Q(project__isnull=True) | Q(project__in=list(project_ids)))


def site_radiology_admins() -> list[int]:
    """Return keys of active radiology admins of the whole archive."""
    return _admins(Q(project__isnull=True))


def all_radiology_admins() -> list[int]:
    """Return keys of active radiology admins of any project."""
    return _admins(Q())


def _admins(where: Q) -> list[int]:
    rows = Membership.objects.filter(where, role=Role.RADIOLOGY_ADMIN, user__is_active=True)
    return sorted(set(rows.values_list("user_id", flat=True)))
