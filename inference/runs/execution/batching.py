"""Small cases of one model in one batch: a radiograph alone would keep a network waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from inference.bundles.gates import why_not
from inference.models import Run

if TYPE_CHECKING:
    from archive.models import Series

# Images of a series that counts as small, and of all small ones that go together.
SMALL, TOGETHER = 4, 16
_LOOK_AT = 64
_IMAGES = "series__number_of_series_related_instances"


def small_cases_beside(run: Run) -> list[Series]:
    """Return small series that wait for the run's model, so that they share its batch.

    Their own runs find their images done and end at once; a worker that took one of them
    meanwhile writes the same vectors.
    """
    own = run.series.number_of_series_related_instances
    if own > SMALL:
        return []
    waiting = (
        Run.objects.filter(
            model_version=run.model_version,
            state=Run.State.QUEUED,
            not_before__lte=timezone.now(),
            cancel_requested_at__isnull=True,
            **{f"{_IMAGES}__lte": SMALL},
        )
        .exclude(series=run.series)
        .select_related("series__study__patient")
        .order_by("is_background", "-priority", "pk")
    )
    found, room = [], TOGETHER - own
    for other in waiting[:_LOOK_AT]:
        images = other.series.number_of_series_related_instances
        if images <= room and not why_not(run.model_version, other.series):
            found.append(other.series)
            room -= images
    return found
