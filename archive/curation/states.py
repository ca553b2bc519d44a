"""States and counts of a study and its series, as they follow from their instances."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import Count
from django.utils import timezone

from archive.models import Instance, Removal, Series, Study

if TYPE_CHECKING:
    from collections.abc import Mapping

Counts = dict[str, int]
_NOT, _REJECTED = Instance.Withheld.NOT, Instance.Withheld.REJECTED


def series_counts(study: Study) -> dict[int, Counts]:
    """Count a study's instances by series and state.

    Parameters
    ----------
    study
        whose row is locked

    Returns
    -------
    key of the series to numbers by `Instance.Withheld`
    """
    rows = Instance.objects.filter(series__study_id=study.pk).order_by()
    found: defaultdict[int, Counts] = defaultdict(dict)
    for series, withheld, number in rows.values_list("series_id", "withheld").annotate(
        number=Count("pk")
    ):
        found[series][withheld] = number
    return dict(found)


def judged_states(study: Study) -> dict[int, str]:
    """Return what each series is withheld for, removals of its instances apart.

    A series of which nothing is shown had its state changed by a removal, which kept the former
    one; the first open removal knows what was judged before any of them.

    Parameters
    ----------
    study
        whose row is locked

    Returns
    -------
    key of the series to `Series.Withheld`
    """
    counts = series_counts(study)
    former: dict[int, str] = {}
    removals = Removal.objects.filter(
        study_instance_uid=study.study_instance_uid, undone_at__isnull=True, purged_at__isnull=True
    )
    for before in removals.order_by("-pk").values_list("before", flat=True):
        former.update({int(key): state for key, state in before.get("series", {}).items()})
    states = {}
    for key, withheld in Series.objects.filter(study=study).values_list("pk", "withheld"):
        is_shown = bool(counts.get(key, {}).get(_NOT, 0))
        is_judged = is_shown or withheld == Series.Withheld.TRIAL
        states[key] = withheld if is_judged else former.get(key, "")
    return states


def refresh_states(study: Study, judged: Mapping[int, str]) -> None:
    """Write the states and counts that follow from the instances as they are now.

    Parameters
    ----------
    study
        whose row is locked; it is changed and saved
    judged
        from `judged_states`, taken before the instances changed
    """
    counts = series_counts(study)
    shown: list[Series] = []
    for series in Series.objects.select_for_update(no_key=True).filter(study=study).order_by("pk"):
        number = counts.get(series.pk, {})
        state = _series_state(number, judged.get(series.pk, series.withheld))
        if (series.withheld, series.number_of_series_related_instances) != (
            state,
            number.get(_NOT, 0),
        ):
            series.withheld = state
            series.number_of_series_related_instances = number.get(_NOT, 0)
            series.save(
                update_fields=["withheld", "number_of_series_related_instances", "updated_at"]
            )
        if series.number_of_series_related_instances and series.withheld == Series.Withheld.NOT:
            shown.append(series)
    total: defaultdict[str, int] = defaultdict(int)
    for number in counts.values():
        for state, count in number.items():
            total[state] += count
    _write_study(study, shown, _state_of(total))


def refresh_counts(study: Study) -> None:
    """Write a study's counts and lists after series were withheld or shown as a whole.

    Parameters
    ----------
    study
        whose row is locked; it is changed and saved
    """
    shown = Series.objects.filter(
        study=study, withheld=Series.Withheld.NOT, number_of_series_related_instances__gt=0
    )
    _write_study(study, list(shown.order_by("pk")), study.withheld)


def _state_of(counts: Mapping[str, int]) -> str:
    """Return what follows of itself: nothing left, or nothing shown; else it is judged."""
    if counts.get(_NOT, 0) or not counts:
        return ""
    return str(_REJECTED if counts.get(_REJECTED, 0) else Instance.Withheld.DELETED)


def _series_state(counts: Mapping[str, int], judged: str) -> str:
    """Return a series' state; what notes reject of a trial is a trial's all the same."""
    state = _state_of(counts)
    if state == Series.Withheld.REJECTED and judged == Series.Withheld.TRIAL:
        return judged
    return state or judged


def _write_study(study: Study, shown: list[Series], state: str) -> None:
    """Count what default answers hold: a query tells no more than it lists."""
    Study.objects.filter(pk=study.pk).update(
        withheld=state,
        number_of_study_related_series=len(shown),
        number_of_study_related_instances=sum(
            series.number_of_series_related_instances for series in shown
        ),
        modalities_in_study=sorted({one.modality for one in shown if one.modality}),
        body_parts=sorted({one.body_part_examined for one in shown if one.body_part_examined}),
        updated_at=timezone.now(),
    )
    study.refresh_from_db()
