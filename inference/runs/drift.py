"""Watch what models get and say: an alarm where it is no longer what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import require_site_radiology_admin
from archive.audit import runs as audit
from archive.errors import NotAllowedError, NotVisibleError
from archive.notices.audiences import site_radiology_admins
from archive.notices.services import tell, withdraw
from inference.models import DriftAlarm, Finding, ModelVersion, Run
from inference.runs.drift_statistics import compare_names, compare_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Sized
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.runs.drift_statistics import Comparison

# The first runs of a version, or those since its last alarm was settled, are the measure.
REFERENCE_RUNS, RECENT_RUNS = 200, 100
LEAST_REFERENCE_RUNS, LEAST_RECENT_RUNS = 100, 50
# A column of the series: what the model gets.
_INPUTS = {
    "modality": "modality",
    "body part": "body_part_examined",
    "manufacturer": "manufacturer",
}
_NOTHING = "not stated"
# Topic of `archive.notices`.
DRIFT = "drift"


def watch_models() -> int:
    """Compare the newest runs of each model in use with its first ones; how many alarms are new."""
    states = (ModelVersion.State.ACTIVE, ModelVersion.State.SHADOW)
    versions = ModelVersion.objects.filter(state__in=states)
    return sum(watch_model(version) for version in versions.exclude(task=ModelVersion.Task.EMBED))


def watch_model(version: ModelVersion) -> int:
    """Raise an alarm for each measure that has drifted; how many are new."""
    raised = 0
    for measure, comparison in _comparisons(version):
        if comparison.has_drifted:
            raised += _raise_alarm(version, measure, comparison)
    return raised


def _comparisons(version: ModelVersion) -> Iterator[tuple[str, Comparison]]:
    before, now = _periods(version)
    if before and now:
        for name, column in _INPUTS.items():
            yield f"input: {name}", compare_names(_columns(before, column), _columns(now, column))
        yield "input: result", compare_names(_columns(before, "state"), _columns(now, "state"))
        yield from _output_comparisons(before, now)


def _periods(version: ModelVersion) -> tuple[list[int], list[int]]:
    """Return the keys of the reference's runs and of the newest ones; empty where too few."""
    rows = Run.objects.filter(
        model_version=version, state__in=(Run.State.SUCCEEDED, Run.State.SKIPPED)
    ).exclude(started_at=None)
    since = _settled_at(version)
    if since is not None:
        rows = rows.filter(finished_at__gt=since)
    before = list(rows.order_by("pk").values_list("pk", flat=True)[:REFERENCE_RUNS])
    newest = list(rows.order_by("-pk").values_list("pk", flat=True)[:RECENT_RUNS])
    now = [key for key in newest if not before or key > before[-1]]
    if len(before) < LEAST_REFERENCE_RUNS or len(now) < LEAST_RECENT_RUNS:
        return [], []
    return before, now


def _settled_at(version: ModelVersion) -> datetime | None:
    settled = DriftAlarm.objects.filter(model_version=version, settled_at__isnull=False)
    return settled.order_by("-settled_at").values_list("settled_at", flat=True).first()


def _columns(runs: Sequence[int], column: str) -> list[str]:
    path = column if column == "state" else f"series__{column}"
    rows = Run.objects.filter(pk__in=runs).values_list(path, flat=True)
    return [text.upper().strip() or _NOTHING for text in rows]


def _output_comparisons(
    before: Sequence[int], now: Sequence[int]
) -> Iterator[tuple[str, Comparison]]:
    """Labels of a classifier and how sure it is, and every measurement."""
    old, new = _labels(before), _labels(now)
    for name in _comparable(old, new):
        yield f"label: {name}", compare_names(old[name], new[name])
    was, is_now = _numbers(before), _numbers(now)
    for name in _comparable(was, is_now):
        yield name, compare_values(was[name], is_now[name])


def _comparable(before: Mapping[str, Sized], now: Mapping[str, Sized]) -> list[str]:
    enough = LEAST_RECENT_RUNS
    return sorted(
        name
        for name, found in before.items()
        if name in now and min(len(found), len(now[name])) >= enough
    )


def _labels(runs: Sequence[int]) -> dict[str, list[str]]:
    rows = Finding.objects.filter(run__in=runs, kind=Finding.Kind.CLASSIFICATION)
    found: dict[str, list[str]] = {}
    for name, label in rows.values_list("name", "label").iterator():
        found.setdefault(name, []).append(label or _NOTHING)
    return found


def _numbers(runs: Sequence[int]) -> dict[str, list[float]]:
    rows = Finding.objects.filter(run__in=runs)
    found: dict[str, list[float]] = {}
    columns = ("kind", "name", "label", "value", "probability")
    for kind, name, label, value, probability in rows.values_list(*columns).iterator():
        if kind == Finding.Kind.MEASUREMENT and value is not None:
            found.setdefault(f"measurement: {label} {name}", []).append(value)
        elif probability is not None:
            found.setdefault(f"probability: {name}", []).append(probability)
    return found


def _raise_alarm(version: ModelVersion, measure: str, comparison: Comparison) -> int:
    alarm, is_new = DriftAlarm.objects.update_or_create(
        model_version=version,
        measure=measure[:64],
        settled_at=None,
        defaults={
            "reference": comparison.reference,
            "recent": comparison.recent,
            "statistic": round(comparison.statistic, 4),
            "threshold": round(comparison.threshold, 4),
        },
    )
    if is_new:
        tell(
            site_radiology_admins(),
            DRIFT,
            format_lazy(_("{model} drifts: {measure}"), model=str(version), measure=measure),
            reverse("runs:notices"),
            key=f"drift-{alarm.pk}",
        )
    return int(is_new)


def open_alarms(version: ModelVersion | None = None) -> QuerySet[DriftAlarm]:
    """Return the alarms that nobody settled, of one version or of all, the newest first."""
    rows = DriftAlarm.objects.filter(settled_at__isnull=True).select_related("model_version")
    return rows if version is None else rows.filter(model_version=version)


def alarms_visible_to(user: AnyUser, version: ModelVersion | None = None) -> list[DriftAlarm]:
    """Return the open alarms for who settles them; nothing for everyone else.

    Figures over the whole archive are in them.
    """
    try:
        require_site_radiology_admin(user)
    except NotAllowedError:
        return []
    return list(open_alarms(version))


def settle_alarm(*, asker: Asker, alarm_id: int, note: str) -> DriftAlarm:
    """Note that somebody looked into a drift; runs from now on are the model's new measure.

    Raises
    ------
    NotAllowedError
        Only a radiology admin of the whole archive may.
    NotVisibleError
        There is no such open alarm.
    """
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to settle an alarm."))
    require_site_radiology_admin(asker.user)
    with transaction.atomic():
        alarm = open_alarms().select_for_update(of=("self",)).filter(pk=alarm_id).first()
        if alarm is None:
            raise NotVisibleError("There is no such alarm.")
        alarm.settled_at = timezone.now()
        alarm.settled_by_id = asker.user.pk
        alarm.note = note.strip()[:500]
        alarm.save()
        withdraw(DRIFT, f"drift-{alarm.pk}")
        audit.record_drift_settled(asker, alarm=alarm.pk, model=str(alarm.model_version))
    return alarm
