"""What becomes of stored objects when people judge them: kept always, shown or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from archive.curation.states import refresh_counts
from archive.models import Series, Study

if TYPE_CHECKING:
    from collections.abc import Iterable


def withhold_series(*, sop_instance_uids: Iterable[str], reason: str) -> int:
    """Leave the series of some objects out of default answers, or show them again.

    They stay stored, and whoever names them gets them; their study is counted anew. The caller
    checked the right and writes the trail, in the same transaction.

    Parameters
    ----------
    sop_instance_uids
        of objects whose whole series is meant
    reason
        of `Series.Withheld`; empty shows them again

    Returns
    -------
    how many series changed
    """
    wanted = Series.Withheld(reason)
    named = Series.objects.filter(instances__sop_instance_uid__in=[*sop_instance_uids])
    series = Series.objects.filter(pk__in=named.values("pk")).exclude(
        withheld__in=[wanted, Series.Withheld.DELETED]
    )
    with transaction.atomic():
        studies = Study.objects.filter(pk__in=series.values("study_id"))
        # Locked as stores lock them: what arrives meanwhile is counted once.
        locked = list(studies.select_for_update(no_key=True).order_by("study_instance_uid"))
        changed = series.update(withheld=wanted) if locked else 0
        for study in locked:
            refresh_counts(study)
    return changed
