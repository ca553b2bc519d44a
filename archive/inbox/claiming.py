"""Who works on an upload: one at a time, for as long as a lease holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from archive.inbox.types import ZIP
from archive.models import UploadBatch, UploadFile

if TYPE_CHECKING:
    from django.db.models import QuerySet

# Longer than the longest task, which renews it after every step.
LEASE = timedelta(minutes=6)
MAX_ATTEMPTS = 3
# How long an upload waits after the archive itself failed to take a file.
PAUSE = timedelta(seconds=20)
WORKED_ON = (UploadBatch.State.EXAMINING, UploadBatch.State.STORING)


def due_batches(*, most: int = 20) -> list[int]:
    """Return uploads on which nobody works, the oldest first."""
    now = timezone.now()
    rows = UploadBatch.objects.filter(state__in=WORKED_ON, finished_at=None)
    rows = rows.filter(Q(lease_until=None) | Q(lease_until__lte=now))
    return list(rows.order_by("touched_at", "pk").values_list("pk", flat=True)[:most])


def claim(batch_id: int) -> UploadBatch | None:
    """Take an upload; None where nothing is to be done, or somebody else works on it.

    A file over which three workers died is refused: the others go on without it.
    """
    now = timezone.now()
    with transaction.atomic():
        rows = UploadBatch.objects.select_for_update(skip_locked=True, of=("self",))
        batch: UploadBatch | None = (
            rows.select_related("project", "user")
            .filter(pk=batch_id, state__in=WORKED_ON)
            .filter(Q(lease_until=None) | Q(lease_until__lte=now))
            .first()
        )
        if batch is None:
            return None
        if batch.attempts >= MAX_ATTEMPTS:
            _refuse_first(batch)
            batch.attempts = 0
        batch.attempts += 1
        batch.lease_until = now + LEASE
        batch.save(update_fields=["attempts", "lease_until"])
    return batch


def renew(batch: UploadBatch) -> bool:
    """Hold an upload for longer, after a step that was done; False where it is no longer ours."""
    now = timezone.now()
    rows = UploadBatch.objects.filter(pk=batch.pk, state=batch.state, lease_until=batch.lease_until)
    until = now + LEASE
    is_ours = bool(rows.update(lease_until=until, touched_at=now, attempts=1))
    batch.lease_until = until
    return is_ours


def release(batch: UploadBatch) -> None:
    """Leave an upload to whoever comes next; the step was done."""
    rows = UploadBatch.objects.filter(pk=batch.pk, lease_until=batch.lease_until)
    rows.update(lease_until=None, attempts=F("attempts") - 1)


def put_off(batch: UploadBatch, message: str) -> None:
    """Let an upload wait: the archive itself could not do its part."""
    rows = UploadBatch.objects.filter(pk=batch.pk, lease_until=batch.lease_until)
    rows.update(lease_until=timezone.now() + PAUSE, error=message[:500], attempts=F("attempts") - 1)


def _refuse_first(batch: UploadBatch) -> None:
    """Refuse the file that is next: whoever looks at it ends."""
    file = next_files(batch).first()
    if file is not None:
        file.state, file.outlook = UploadFile.State.REFUSED, "refused"
        file.reason = "Looking at this file ended the program three times."
        file.save(update_fields=["state", "outlook", "reason"])


def next_files(batch: UploadBatch) -> QuerySet[UploadFile]:
    """Return the files on which something is still to be done, the next one first.

    Looked at are those without a kind, then archives, then those without an outlook where
    somebody wants one; stored are all that are here.
    """
    rows = batch.files.filter(state=UploadFile.State.RECEIVED)
    if batch.state == UploadBatch.State.STORING:
        return rows.order_by("pk")
    unknown = rows.filter(kind="").order_by("pk")
    if unknown.exists():
        return unknown
    packed = rows.filter(kind=ZIP).order_by("pk")
    if packed.exists():
        return packed
    return rows.filter(outlook="").order_by("study_instance_uid", "pk")
