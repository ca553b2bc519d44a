"""How much a project may hold: asked before anything of a store is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Sum

from archive.access.projects import unassigned_project
from archive.access.selectors import home_project
from archive.errors import QuotaExceededError
from archive.models import Project, Study
from archive.models.rights_watch import Kept, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.ingest.examining import Candidate
    from archive.ingest.types import Origin

# How long a sum over all studies of a project is gone by, while it is far from the quota.
_SUM_HOLDS_S = 10.0
_FAR_SHARE = 0.95


@dataclass
class _Used:
    """Bytes that a project holds: as the database said, and what came since through here."""

    in_bytes: int
    read_at: float = field(default_factory=time.monotonic)


# {project: (name, quota)} of those that have one.
_limits: Kept[str, dict[int, tuple[str, int]]] = Kept()
_used: dict[int, _Used] = {}


def has_quotas() -> bool:
    """Whether any project has a quota."""
    return bool(_quotas())


def over_quota(
    candidates: Sequence[Candidate], origin: Origin, *, is_asked_only: bool = False
) -> dict[int, QuotaExceededError]:
    """Say which instances would take a project past its quota.

    Counted are all bytes of the project's studies, also of deleted ones until they are purged.
    Stores that run at the same moment don't see each other: they may pass the quota by what is
    under way.

    Parameters
    ----------
    candidates
        sound instances that are not archived yet
    origin
        where a new study goes
    is_asked_only
        whether nothing of it comes now, so that it is not counted

    Returns
    -------
    by position of the instance, why it is refused; nothing of it may be kept
    """
    limits = _quotas()
    if not limits or not candidates:
        return {}
    places = _projects_of(candidates, origin, limits)
    refused: dict[int, QuotaExceededError] = {}
    coming: dict[int, int] = {}
    for candidate in candidates:
        size = candidate.file.spool.size
        projects = places[candidate.study_instance_uid]
        full = [key for key in projects if _is_full(key, coming.get(key, 0) + size, limits[key][1])]
        if full:
            name, quota = limits[full[0]]
            message = f"The project {name} has reached its quota of {quota} bytes."
            refused[candidate.position] = QuotaExceededError(message)
            continue
        for key in projects:
            coming[key] = coming.get(key, 0) + size
    if is_asked_only:
        return refused
    for key, size in coming.items():
        _used[key].in_bytes += size
    return refused


def _quotas() -> dict[int, tuple[str, int]]:
    revision = watch.revision
    limits = _limits.get("")
    if limits is None:
        rows = Project.objects.filter(quota_bytes__isnull=False)
        limits = {
            key: (name, quota)
            for key, name, quota in rows.values_list("pk", "name", "quota_bytes")
            if quota is not None
        }
        _limits.put("", limits, revision)
    return limits


def _projects_of(
    candidates: Sequence[Candidate], origin: Origin, limits: dict[int, tuple[str, int]]
) -> dict[str, list[int]]:
    """Projects with a quota that each study is in, or would be in."""
    uids = {candidate.study_instance_uid for candidate in candidates}
    places: dict[str, list[int]] = {}
    known = Study.objects.filter(study_instance_uid__in=uids)
    for uid, key in known.values_list("study_instance_uid", "projects__pk"):
        places.setdefault(uid, []).extend([key] if key in limits else [])
    if places.keys() != uids:
        project = origin.project
        if project is None and origin.actor is not None:
            project = home_project(origin.actor)
        key = (project or unassigned_project()).pk
        for uid in uids - places.keys():
            places[uid] = [key] if key in limits else []
    return places


def _is_full(project_key: int, coming: int, quota: int) -> bool:
    used = _used.get(project_key)
    is_old = used is None or time.monotonic() - used.read_at > _SUM_HOLDS_S
    if used is None or is_old or used.in_bytes + coming > _FAR_SHARE * quota:
        found = Study.objects.filter(projects=project_key).aggregate(sum=Sum("stored_bytes"))
        used = _used[project_key] = _Used(found["sum"] or 0)
    return used.in_bytes + coming > quota
