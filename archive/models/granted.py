"""Studies seen beside roles: granted ones, those of an emergency, those behind a share link.

Which they are is asked of the database by each statement, so that what has ended is gone at once;
who holds none of them is asked nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from archive.models.memberships import GRANTED, SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models.memberships import Held


def granted_key(held: Sequence[Held]) -> int | None:
    """Return the account whose single studies are to be looked up; None where it has none."""
    return next((one.key for one in held if one.role == GRANTED), None)


def shared_link(held: Sequence[Held]) -> Held | None:
    """Return what is held by a share link, where it is one."""
    return next((one for one in held if one.role == SHARED), None)


def granted_studies(user_key: int) -> QuerySet[Any, Any]:
    """Keys of the studies granted to the account, and of the patients it sees in an emergency."""
    from archive.models.sharing import BreakGlass, StudyGrant  # noqa: PLC0415 they import models

    is_open = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    grants = StudyGrant.objects.filter(is_open, user_id=user_key, revoked_at__isnull=True)
    emergencies = BreakGlass.objects.filter(
        user_id=user_key,
        ended_at__isnull=True,
        expires_at__gt=Now(),
        patient__studies__isnull=False,
    )
    return (
        grants.order_by()
        .annotate(granted_study=F("study_id"))
        .values_list("granted_study")
        .union(
            emergencies.order_by()
            .annotate(granted_study=F("patient__studies__pk"))
            .values_list("granted_study"),
            all=True,
        )
    )


def shared_studies(link_key: int | None) -> QuerySet[Any, Any]:
    """Keys of the studies that an open link leads to, by itself or by its collection."""
    from archive.models.sharing import ShareLink  # noqa: PLC0415 as above

    links = ShareLink.objects.order_by().filter(
        pk=link_key or 0, revoked_at__isnull=True, expires_at__gt=Now()
    )
    alone = links.filter(study__isnull=False).annotate(shared_study=F("study_id"))
    gathered = links.filter(collection__items__isnull=False).annotate(
        shared_study=F("collection__items__study_id")
    )
    return alone.values_list("shared_study").union(gathered.values_list("shared_study"), all=True)
