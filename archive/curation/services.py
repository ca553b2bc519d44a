"""What becomes of stored objects when people judge them: kept always, shown or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.models import Series

if TYPE_CHECKING:
    from collections.abc import Iterable


def withhold_series(*, sop_instance_uids: Iterable[str], reason: str) -> int:
    """Leave the series of some objects out of default answers, or show them again.

    They stay stored, and whoever names them gets them. The caller checked the right and writes
    the trail, in the same transaction.

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
    series = Series.objects.filter(instances__sop_instance_uid__in=[*sop_instance_uids])
    return (
        Series.objects.filter(pk__in=series.values("pk"))
        .exclude(withheld__in=[wanted, Series.Withheld.DELETED])
        .update(withheld=wanted)
    )
