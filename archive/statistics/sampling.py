"""How full the disk is, written down every few minutes."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Min, Sum
from django.db.models.functions import TruncDay
from django.utils import timezone

from archive.models import DailyCount, StorageSample
from archive.statistics.counting import ALL_MODALITIES, WHOLE_ARCHIVE
from archive.storage.stores import blob_store

EVERY = timedelta(minutes=15)
# So long each sample is kept; then one a day, for so long.
EVERY_FOR, DAILY_FOR = timedelta(days=14), timedelta(days=800)


def is_sample_due() -> bool:
    """Whether the last sample is old, or there is none: a new archive's comes at once."""
    now = timezone.now()
    # What is of a time to come was written before the clock was set back.
    return not StorageSample.objects.filter(taken_at__gt=now - EVERY, taken_at__lte=now).exists()


def take_sample() -> StorageSample:
    """Write down what is free, and what the archive takes."""
    counted = DailyCount.objects.filter(
        project_id=WHOLE_ARCHIVE, modality=ALL_MODALITIES
    ).aggregate(size=Sum("stored_bytes"), instances=Sum("instances"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (database_bytes,) = cursor.fetchone()
    total, free = blob_store().disk() or _bucket(counted["size"] or 0)
    sample: StorageSample = StorageSample.objects.create(
        free_bytes=free,
        total_bytes=total,
        blob_bytes=counted["size"] or 0,
        database_bytes=database_bytes,
        instances=counted["instances"] or 0,
    )
    return sample


def _bucket(taken: int) -> tuple[int, int]:
    """Return what a bucket holds at most and has left; twice nothing where nobody said so."""
    capacity = int(settings.TWINSIGHT_STORAGE_CAPACITY_BYTES)
    return capacity, max(0, capacity - taken)


def thin_samples() -> int:
    """Keep the first sample of each older day; return how many went."""
    now = timezone.now()
    old = StorageSample.objects.filter(taken_at__lt=now - EVERY_FOR)
    firsts = (
        old.filter(taken_at__gte=now - DAILY_FOR)
        .order_by()
        .annotate(day=TruncDay("taken_at"))
        .values("day")
        .annotate(first=Min("pk"))
        .values("first")
    )
    return old.exclude(pk__in=list(firsts.values_list("first", flat=True))).delete()[0]
