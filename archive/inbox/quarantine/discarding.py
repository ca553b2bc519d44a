"""What was discarded from the quarantine: its bytes stay for a while, then go."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from archive.errors import StorageError
from archive.models import Blob, Instance, Quarantine
from archive.models.byte_locks import lock_bytes
from archive.storage.stores import blob_store

logger = logging.getLogger(__name__)

DISCARDED = "discarded: "
_AT_ONCE = 200


def purge_discarded() -> int:
    """Delete the bytes of what was discarded long enough ago; the entries stay.

    Returns
    -------
    how many entries lost their bytes
    """
    limit = timezone.now() - timedelta(days=settings.TWINSIGHT_PURGE_AFTER_DAYS)
    rows = Quarantine.objects.filter(
        resolution__startswith=DISCARDED, resolved_at__lt=limit, blob__isnull=False
    )
    purged = 0
    for entry_id, sha256 in rows.values_list("pk", "blob__sha256")[:_AT_ONCE]:
        try:
            _purge(entry_id, sha256)
        except (IntegrityError, StorageError):
            logger.exception("discarded file could not be deleted", extra={"sha256": sha256})
        purged += 1
    return purged


@transaction.atomic
def _purge(entry_id: int, sha256: str) -> None:
    lock_bytes(sha256)
    Quarantine.objects.filter(pk=entry_id).update(blob=None)
    # The same bytes may be archived, or wait under another reason.
    blob = Blob.objects.filter(sha256=sha256)
    is_used = Instance.objects.filter(blob__in=blob).exists()
    if is_used or Quarantine.objects.filter(blob__in=blob).exists():
        return
    blob.delete()
    # Who took the row up meanwhile is known now, and from here on nobody can: only then the bytes.
    connection.check_constraints()
    blob_store().delete(sha256)
