"""Figures of the archive within the asker's rights, out of counted days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import is_site_radiology_admin, require_site_radiology_admin
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import (
    Blob,
    DailyCount,
    Instance,
    Project,
    Quarantine,
    StorageSample,
)
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.querysets import readable_projects
from archive.statistics.counting import ALL_MODALITIES, HEAT_MAPS, WHOLE_ARCHIVE
from archive.statistics.types import Day, Share

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

MOST_DAYS = 3660


def figure_projects(user: AnyUser) -> list[Project]:
    """Return the projects whose figures the user may see: where they read, by name."""
    reading = readable_projects(user, READING_ROLES)
    cleaned = readable_projects(user, DEIDENTIFIED_ROLES).filter(is_deidentified=True)
    keys = {*reading.values_list("pk", flat=True), *cleaned.values_list("pk", flat=True)}
    return list(Project.objects.filter(pk__in=keys).order_by("kind", "name"))


def days_of(user: AnyUser, *, days: int = 90, project: str = "") -> list[Day]:
    """Return what arrived on each of the last days, the oldest first, empty days too.

    Parameters
    ----------
    user
        sees figures of the projects where they read; radiology admins of the whole archive see
        all of it, each study counted once
    days
        how many, today included
    project
        slug of one project; all of the user's where empty

    Raises
    ------
    NotVisibleError
        There is no such project among the user's.
    InvalidRequestError
        So many days can't be shown.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidRequestError(
            gettext("Between one day and %(most_days)s are shown.") % {"most_days": MOST_DAYS}
        )
    today = timezone.localdate()
    first = today - timedelta(days=days - 1)
    rows: Any = _rows(user, project).filter(day__gte=first, day__lte=today)
    totals: dict[date, dict[str, Any]] = {}
    modalities: dict[date, dict[str, int]] = {}
    columns = ("studies", "series", "instances", "stored_bytes")
    summed = (
        rows.order_by().values("day", "modality").annotate(**{f"n_{c}": Sum(c) for c in columns})
    )
    for line in summed:
        if line["modality"] == ALL_MODALITIES:
            totals[line["day"]] = {column: line[f"n_{column}"] for column in columns}
        else:
            modalities.setdefault(line["day"], {})[line["modality"]] = line["n_studies"]
    nothing = dict.fromkeys(columns, 0)
    return [
        Day(day=day, **totals.get(day, nothing), modalities=modalities.get(day, {}))
        for day in (first + timedelta(days=number) for number in range(days))
    ]


def _rows(user: AnyUser, project: str) -> QuerySet[DailyCount]:
    projects = figure_projects(user)
    if project:
        chosen = [one.pk for one in projects if one.slug == project]
        if not chosen:
            raise NotVisibleError("There is no such project, or it is not one of yours.")
        return DailyCount.objects.filter(project_id__in=chosen)
    if is_site_radiology_admin(user):
        return DailyCount.objects.filter(project_id=WHOLE_ARCHIVE)
    return DailyCount.objects.filter(project_id__in=[one.pk for one in projects])


def shares_by_modality(user: AnyUser, *, project: str = "") -> list[Share]:
    """Return what each modality holds, the largest first."""
    rows = _rows(user, project).exclude(modality=ALL_MODALITIES)
    return _shares(rows, "modality", {HEAT_MAPS: gettext("Heat maps")})


def shares_by_project(user: AnyUser) -> list[Share]:
    """Return what each of the user's projects holds, the largest first."""
    names = {one.pk: one.name for one in figure_projects(user)}
    rows = DailyCount.objects.filter(project_id__in=names, modality=ALL_MODALITIES)
    return _shares(rows, "project_id", names)


def holdings_of(project_id: int) -> dict[str, int]:
    """Return studies and bytes of a project as counted; the caller has asked who may know."""
    rows = DailyCount.objects.filter(project_id=project_id, modality=ALL_MODALITIES)
    found = rows.aggregate(studies=Sum("studies"), stored_bytes=Sum("stored_bytes"))
    return {name: number or 0 for name, number in found.items()}


def newest_sample() -> StorageSample | None:
    """Return how full the disk was last; for the metrics, which no person asks for."""
    return StorageSample.objects.first()


def arrivals() -> dict[str, int]:
    """Return what the archive holds as counted, and what waits; for the metrics."""
    rows = DailyCount.objects.filter(project_id=WHOLE_ARCHIVE, modality=ALL_MODALITIES)
    found: dict[str, int | None] = rows.aggregate(
        studies=Sum("studies"), instances=Sum("instances"), stored_bytes=Sum("stored_bytes")
    )
    found["newest"] = Instance.objects.order_by("-pk").values_list("pk", flat=True).first()
    found["quarantined"] = Quarantine.objects.filter(resolved_at__isnull=True).count()
    for state in (Blob.State.MISSING, Blob.State.DAMAGED):
        found[state.value] = Blob.objects.filter(state=state).count()
    return {name: number or 0 for name, number in found.items()}


def _shares(rows: QuerySet[DailyCount], column: str, names: dict[Any, str]) -> list[Share]:
    summed = list(
        rows.order_by()
        .values(column)
        .annotate(n=Sum("studies"), images=Sum("instances"), size=Sum("stored_bytes"))
        .order_by("-size")
    )
    whole = sum(row["size"] for row in summed) or 1
    return [
        Share(
            name=names.get(row[column], str(row[column])),
            studies=row["n"],
            instances=row["images"],
            stored_bytes=row["size"],
            percent=100 * row["size"] / whole,
        )
        for row in summed
    ]


def storage_samples(user: AnyUser, *, days: int = 90) -> list[StorageSample]:
    """Return samples of the disk, the oldest first, at most some hundred.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive are told.
    """
    require_site_radiology_admin(user)
    since = timezone.now() - timedelta(days=days)
    rows = list(StorageSample.objects.filter(taken_at__gte=since).order_by("taken_at"))
    return rows[:: max(1, len(rows) // 400)] if rows else []


def blob_problems(user: AnyUser) -> dict[str, Any]:
    """Return what verification found: blobs that are missing or damaged, the newest first.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive are told.
    """
    require_site_radiology_admin(user)
    bad = Blob.objects.filter(state__in=(Blob.State.MISSING, Blob.State.DAMAGED))
    rows = bad.order_by("-pk")[:50].values("sha256", "size_bytes", "state", "verified_at")
    return {
        "missing": bad.filter(state=Blob.State.MISSING).count(),
        "damaged": bad.filter(state=Blob.State.DAMAGED).count(),
        "rows": list(rows),
    }
