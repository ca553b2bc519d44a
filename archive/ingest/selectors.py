"""What came in, asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.models import Instance, Quarantine
from archive.models.access import Role
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser


def quarantine_visible_to(user: AnyUser) -> QuerySet[Quarantine]:
    """Open quarantine entries of the projects in which the user is a radiology admin.

    Parameters
    ----------
    user
        the asker; anyone else sees none
    """
    if not user.is_authenticated or not user.is_active:
        return Quarantine.objects.none()
    projects = readable_projects(user, frozenset({Role.RADIOLOGY_ADMIN}))
    return (
        Quarantine.objects.filter(resolved_at__isnull=True, project__in=projects)
        .select_related("project", "actor")
        .order_by("-received_at", "-pk")
    )


def archived_files(digests: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Say which files are archived byte for byte.

    Parameters
    ----------
    digests
        hex SHA-256 of whole files

    Returns
    -------
    for each archived one: its SOP Instance UID and Study Instance UID
    """
    rows = Instance.objects.filter(blob__sha256__in=list(digests), blob__state="stored")
    # What is deleted here is on its way out, whoever still has it.
    found = rows.exclude(withheld=Instance.Withheld.DELETED).values_list(
        "blob__sha256", "sop_instance_uid", "series__study__study_instance_uid"
    )
    return {sha256: (sop_instance_uid, study_uid) for sha256, sop_instance_uid, study_uid in found}
