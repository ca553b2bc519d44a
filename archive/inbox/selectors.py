"""Uploads, asked: each person's own, and every one for radiology admins of the whole archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, Sum

from archive.access.selectors import is_site_radiology_admin
from archive.errors import NotVisibleError
from archive.inbox.types import Problem, Progress
from archive.models import Study, UploadBatch, UploadFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

OPEN_STATES = (
    UploadBatch.State.RECEIVING,
    UploadBatch.State.EXAMINING,
    UploadBatch.State.READY,
    UploadBatch.State.STORING,
)
ABSENT = "There is no such upload, or it is not yours."
# What became of a file, in the order in which people want to know it.
_WORST_FIRST = ("refused", "quarantined", "skipped", "received", "receiving", "duplicate", "stored")


def batches_visible_to(user: AnyUser) -> QuerySet[UploadBatch]:
    """Return the uploads that the user may look at, the latest first."""
    if not user.is_authenticated or not user.is_active:
        return UploadBatch.objects.none()
    rows = UploadBatch.objects.select_related("project", "user").order_by("-pk")
    return rows if is_site_radiology_admin(user) else rows.filter(user=user)


def open_batches(user: AnyUser) -> QuerySet[UploadBatch]:
    """Return the user's own uploads that are not at their end."""
    return batches_visible_to(user).filter(user=user.pk, state__in=OPEN_STATES)


def find_batch(user: AnyUser, batch_id: int) -> UploadBatch:
    """Return an upload.

    Raises
    ------
    NotVisibleError
        There is none, or it is somebody else's.
    """
    batch: UploadBatch | None = batches_visible_to(user).filter(pk=batch_id).first()
    if batch is None:
        raise NotVisibleError(ABSENT)
    return batch


def find_file(user: AnyUser, batch_id: int, file_id: int) -> UploadFile:
    """Return a file of an upload; raise NotVisibleError where there is none for the user."""
    rows = UploadFile.objects.select_related("batch").filter(pk=file_id, batch=batch_id)
    file = rows.filter(batch__in=batches_visible_to(user).values("pk").order_by()).first()
    if file is None:
        raise NotVisibleError(ABSENT)
    return file


def progress_of(batches: Sequence[UploadBatch]) -> list[Progress]:
    """Return how far each upload is, by one statement."""
    keys = [batch.pk for batch in batches]
    rows = (
        UploadFile.objects.filter(batch__in=keys)
        .exclude(state=UploadFile.State.UNPACKED)
        .order_by()
        .values("batch", "state")
        .annotate(files=Count("pk"), size=Sum("size_bytes"), received=Sum("received_bytes"))
    )
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["batch"], []).append(row)
    return [_progress(batch, found.get(batch.pk, [])) for batch in batches]


def _progress(batch: UploadBatch, rows: Sequence[Mapping[str, Any]]) -> Progress:
    return Progress(
        batch=batch,
        files=sum(int(row["files"]) for row in rows),
        bytes_total=sum(int(row["size"]) for row in rows),
        bytes_received=sum(int(row["received"]) for row in rows),
        by_state={str(row["state"]): int(row["files"]) for row in rows},
    )


def batch_files(batch: UploadBatch, *, state: str = "") -> QuerySet[UploadFile]:
    """Return the files of an upload in the order in which they were named."""
    rows = UploadFile.objects.filter(batch=batch).order_by("pk")
    return rows.filter(state=state) if state else rows


def report_rows(batch: UploadBatch, *, most: int | None = None) -> list[UploadFile]:
    """Return what became of each file: what was not archived first."""
    found: list[UploadFile] = []
    for state in _WORST_FIRST:
        room = None if most is None else most - len(found)
        if room == 0:
            break
        found += batch_files(batch, state=state)[:room]
    return found


def problems_of(batch: UploadBatch, *, most: int = 50) -> list[Problem]:
    """Return why files would not be, or were not archived, with how many each reason meets."""
    rows = (
        UploadFile.objects.filter(batch=batch)
        .exclude(reason="")
        .filter(outlook__in=("quarantine", "refused"))
        .order_by()
        .values("reason")
        .annotate(files=Count("pk"))
        .order_by("-files", "reason")[:most]
    )
    examples = dict(
        UploadFile.objects.filter(batch=batch, reason__in=[row["reason"] for row in rows])
        .order_by("reason", "pk")
        .distinct("reason")
        .values_list("reason", "name")
    )
    return [Problem(row["reason"], row["files"], examples.get(row["reason"], "")) for row in rows]


def stored_studies(user: AnyUser, batch: UploadBatch, *, most: int) -> list[Study]:
    """Return the studies into which files of an upload went, within the user's rights."""
    uids = (
        batch.files.filter(state__in=("stored", "duplicate"))
        .exclude(study_instance_uid="")
        .order_by()
        .values("study_instance_uid")
        .distinct()
    )
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=uids)
    return list(rows.select_related("patient").order_by("-study_date", "pk")[:most])
