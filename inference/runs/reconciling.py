"""Bring back what was lost, and queue what should exist and doesn't."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from archive.models import Series
from inference.bundles.external import EXTERNAL
from inference.models import EmbeddingSpace, Run
from inference.runs.finishing import lose_run
from inference.runs.queueing import queue_run
from inference.runs.routing import (
    enabled_rules,
    has_idle_space,
    is_background,
    series_matching_any,
    versions_of_spaces,
    wanted_runs,
)
from inference.similarity.spaces.backfill import project_missing

if TYPE_CHECKING:
    from inference.models import ModelVersion, RoutingRule

_BRING_BACK_AT_ONCE = 100


def reconcile_runs() -> int:
    """Bring back runs whose worker died, and queue those that should exist and don't."""
    return bring_back_lost() + _queue_missing() + project_missing()


def bring_back_lost() -> int:
    """Queue the runs again whose workers say nothing any more; how many they were."""
    with transaction.atomic():
        lost = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("model_version")
            .filter(state=Run.State.RUNNING, lease_until__lte=timezone.now())
            # Whose performers are outside is the worklist's to say.
            .exclude(model_version__pipeline=EXTERNAL)
        )
        runs = list(lost[:_BRING_BACK_AT_ONCE])
        for run in runs:
            lose_run(run)
    return len(runs)


def _queue_missing(*, batch_size: int = 200) -> int:
    """Queue models in use for series that no run of theirs ever saw.

    A space that is being filled is filled at its own pace.
    """
    rules: dict[ModelVersion, list[RoutingRule]] = {}
    for rule in enabled_rules():
        rules.setdefault(rule.model_version, []).append(rule)
    spaces = versions_of_spaces()
    settled = Series.objects.filter(
        number_of_series_related_instances__gt=0,
        created_at__lt=timezone.now() - timedelta(minutes=5),
    )
    queued = 0
    for version in {*rules, *spaces}:
        if has_idle_space(version) or _is_being_filled(version):
            continue
        missing = settled.exclude(runs__model_version=version).order_by("-pk")
        if version not in spaces:
            missing = missing.filter(series_matching_any(rules[version]))
        queued += sum(_queue_wanted(version, series) for series in missing[:batch_size])
    return queued


def _queue_wanted(version: ModelVersion, series: Series) -> int:
    wanted = [one for one in wanted_runs(series) if one.version == version]
    for one in wanted:
        queue_run(
            version=version,
            series=series,
            is_background=is_background(version),
            priority=one.priority,
            is_shadow=one.is_shadow,
        )
    return len(wanted)


def _is_being_filled(version: ModelVersion) -> bool:
    space = getattr(version, "embedding_space", None)
    return space is not None and space.state == EmbeddingSpace.State.FILLING
