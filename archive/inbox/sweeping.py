"""What nobody comes back for: uploads given up, bytes removed."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive.inbox import spool
from archive.inbox.batches import discard_files, give_up
from archive.inbox.quarantine.discarding import purge_discarded
from archive.models import UploadBatch, UploadFile

_A_DAY_S = 86_400.0
_AT_ONCE, _FILES_AT_ONCE = 50, 20_000


def sweep_inbox() -> int:
    """Give up uploads that were not touched for long, and remove files that no row knows.

    Returns
    -------
    how many uploads were given up, and files removed
    """
    swept = _expire()
    _clear_ended()
    known = UploadFile.objects.exclude(spool_name="").values_list("spool_name", flat=True)
    strays = spool.strays(known.iterator(), older_than_s=_A_DAY_S)
    spool.discard(strays)
    return swept + len(strays) + purge_discarded()


def _clear_ended() -> None:
    """Remove what lies about of uploads at their end: their worker died, or was still at it."""
    rows = UploadFile.objects.exclude(spool_name="").filter(batch__finished_at__isnull=False)
    left = list(rows.values_list("pk", "spool_name")[:_FILES_AT_ONCE])
    spool.discard(name for _key, name in left)
    UploadFile.objects.filter(pk__in=[key for key, _name in left]).update(spool_name="")


def _expire() -> int:
    limit = timezone.now() - timedelta(days=settings.TWINSIGHT_INBOX_DAYS)
    waiting = (UploadBatch.State.RECEIVING, UploadBatch.State.READY)
    rows = UploadBatch.objects.filter(state__in=waiting, touched_at__lt=limit)
    swept = 0
    for batch_id in rows.values_list("pk", flat=True)[:_AT_ONCE]:
        with transaction.atomic():
            locked = UploadBatch.objects.select_for_update(skip_locked=True, of=("self",))
            batch = locked.filter(pk=batch_id, state__in=waiting, touched_at__lt=limit).first()
            if batch is None:
                continue
            give_up(batch, f"Nobody went on with it for {settings.TWINSIGHT_INBOX_DAYS} days.")
        discard_files(batch)
        swept += 1
    return swept
