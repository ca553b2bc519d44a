"""When the disk is full, if all goes on as it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from archive.models import StorageSample

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_BACK = timedelta(days=60)
# Less than that says nothing about a trend.
LEAST = timedelta(days=2)
# Nobody plans further ahead.
HORIZON = timedelta(days=3650)
_DAY_S = 86_400
_MOST_POINTS = 90
_WITHOUT_END = 1 << 80
_APART = timedelta(days=8)


@dataclass(frozen=True)
class Forecast:
    """The trend of the disk; days are none where it does not fill up within ten years."""

    bytes_per_day: float
    full_on: datetime | None
    # Were it as quick or as slow as in a quarter of the time.
    earliest: datetime | None
    latest: datetime | None


def forecast() -> Forecast | None:
    """Return the trend of the last two months; None where too little is known.

    The slope is the median of the slopes between pairs of points up to eight days apart (as Theil
    and Sen have it for all), so that one import or one purge does not bend it, and weekends count
    for what they are. Full means: down to the reserve, where stores are refused.
    """
    now = timezone.now()
    rows = StorageSample.objects.filter(taken_at__gte=now - LOOKED_BACK).order_by("taken_at")
    points = list(rows.values_list("taken_at", "total_bytes", "free_bytes", "blob_bytes"))
    if not points or points[-1][0] - points[0][0] < LEAST:
        return None
    _, all_of_it, free, _ = points[-1]
    left = max(0, free - settings.TWINSIGHT_STORAGE_RESERVE_BYTES) if all_of_it else _WITHOUT_END
    # What a disk takes, and images in a bucket without a known end, are not compared.
    slopes = _slopes(
        [
            (moment, total - available if total else images)
            for moment, total, available, images in points
            if bool(total) == bool(all_of_it)
        ]
    )
    if not slopes:
        return None
    slow, middle, quick = (slopes[round(share * (len(slopes) - 1))] for share in (0.25, 0.5, 0.75))
    return Forecast(
        bytes_per_day=middle,
        full_on=_full_on(now, left, middle),
        earliest=_full_on(now, left, quick),
        latest=_full_on(now, left, slow),
    )


def _slopes(points: Sequence[tuple[datetime, int]]) -> list[float]:
    """Slopes between pairs in bytes a day, sorted; of many points, an even choice."""
    step = max(1, len(points) // _MOST_POINTS)
    chosen = points[::step]
    return sorted(
        (after - before) * _DAY_S / (then - first).total_seconds()
        for (first, before), (then, after) in combinations(chosen, 2)
        if timedelta(0) < then - first <= _APART
    )


def _full_on(now: datetime, left: int, slope: float) -> datetime | None:
    if slope <= 0 or left / slope > HORIZON.days:
        return None
    return now + timedelta(days=left / slope)
