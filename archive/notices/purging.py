"""News is no record: what is old goes."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from archive.models import Notice

KEPT = timedelta(days=90)
_BATCH = 5000


def purge_old_notices() -> int:
    """Forget what was told more than three months ago; return how much."""
    old = Notice.objects.filter(created_at__lt=timezone.now() - KEPT)
    keys = list(old.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    return Notice.objects.filter(pk__in=keys).delete()[0]
