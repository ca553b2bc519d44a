"""Days counted: what arrived on each, by project and modality, so that pages never count studies.

Today and yesterday are counted again whenever something arrived; older days one after the other,
a few each minute, so that what was moved, corrected or deleted since is counted right within hours.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from archive.dicom.writing import OWN_MANUFACTURER
from archive.models import DailyCount, Instance, Study
from archive.models.turns import take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

# In place of a project: all studies, each once. A study of two projects counts in both of those.
WHOLE_ARCHIVE = -1
# In place of a modality: each study once. One of two modalities counts in both of those.
ALL_MODALITIES = ""
_NO_MODALITY = "none"
# In place of a modality: what models drew to explain themselves, which DICOM calls Other (OT).
HEAT_MAPS = "heat maps"
_LOCK = 7_340_112
# Older days are counted for so long in each round, and counting takes this share of the time.
_BUDGET_S = 0.3
_MOST_SHARE = 0.02
_CURSOR, _NEWEST, _REST = "statistics:cursor", "statistics:newest", "statistics:rest"
_COUNT = """
WITH found AS (
    SELECT id, stored_bytes, number_of_study_related_series AS series,
        number_of_study_related_instances AS instances
    FROM archive_study
    WHERE created_at >= %(start)s AND created_at < %(end)s AND withheld <> 'deleted'
), placed AS (
    SELECT found.id, through.project_id
    FROM found JOIN archive_study_projects through ON through.study_id = found.id
    UNION ALL SELECT id, %(whole)s FROM found
), lines AS (
    SELECT series.study_id,
        CASE WHEN series.modality = 'OT' AND series.manufacturer = %(own)s THEN %(heat_maps)s
            ELSE coalesce(nullif(series.modality, ''), %(none)s) END AS modality,
        count(DISTINCT series.id) AS series, count(instance.id) AS instances,
        coalesce(sum(blob.size_bytes), 0) AS size
    FROM found JOIN archive_series series
        ON series.study_id = found.id AND series.withheld = ''
    JOIN archive_instance instance
        ON instance.series_id = series.id AND instance.withheld <> 'deleted'
    JOIN archive_blob blob ON blob.id = instance.blob_id
    GROUP BY 1, 2
)
INSERT INTO archive_dailycount
    (day, project_id, modality, studies, series, instances, stored_bytes)
SELECT %(day)s, placed.project_id, lines.modality, count(*), sum(lines.series),
    sum(lines.instances), sum(lines.size)
FROM placed JOIN lines ON lines.study_id = placed.id GROUP BY 2, 3
UNION ALL
SELECT %(day)s, placed.project_id, %(all)s, count(*), sum(found.series), sum(found.instances),
    sum(found.stored_bytes)
FROM placed JOIN found ON found.id = placed.id GROUP BY 2
"""


def count_day(day: date) -> None:
    """Count what arrived on a day and is still here, in place of what was counted before.

    Parameters
    ----------
    day
        in the site's time zone
    """
    start = timezone.make_aware(datetime.combine(day, datetime.min.time()))
    values: dict[str, Any] = {
        "day": day,
        "start": start,
        "end": timezone.make_aware(datetime.combine(day + timedelta(days=1), datetime.min.time())),
        "whole": WHOLE_ARCHIVE,
        "all": ALL_MODALITIES,
        "none": _NO_MODALITY,
        "heat_maps": HEAT_MAPS,
        "own": OWN_MANUFACTURER,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        take_turn(_LOCK)
        DailyCount.objects.filter(day=day).delete()
        cursor.execute(_COUNT, values)


def count_days() -> int:
    """Count the newest days where something arrived, and older ones for a moment.

    Returns
    -------
    how many days were counted
    """
    if cache.get(_REST):
        return 0
    began = time.monotonic()
    days = 0
    for day in _days():
        count_day(day)
        days += 1
        if time.monotonic() - began > _BUDGET_S:
            break
    took = time.monotonic() - began
    if took > _BUDGET_S:
        cache.set(_REST, "1", timeout=max(1, int(took / _MOST_SHARE)))
    return days


def _days() -> Iterator[date]:
    """Yield today and yesterday if instances came since the last round, then older days in turn."""
    today = timezone.localdate()
    newest = Instance.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest != cache.get(_NEWEST):
        yield today
        yield today - timedelta(days=1)
        cache.set(_NEWEST, newest, timeout=3600)
    oldest = Study.objects.order_by("created_at").values_list("created_at", flat=True).first()
    if oldest is None:
        return
    first = timezone.localdate(oldest)
    known = cache.get(_CURSOR)
    day = date.fromisoformat(known) if known else today - timedelta(days=2)
    for _ in range((today - first).days + 1):
        if not first <= day <= today:
            day = today
        yield day
        day -= timedelta(days=1)
        cache.set(_CURSOR, day.isoformat(), timeout=None)
