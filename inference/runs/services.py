"""Ask for runs, hand them to workers, and record what came of them. No torch here."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, Count, IntegerField, Q, Sum, Value, When
from django.utils import timezone

from archive.access.selectors import require_may_label
from archive.audit import services as audit
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Series
from inference.models import EmbeddingSpace, Finding, ModelVersion, Run
from inference.runs.routing import (
    has_idle_space,
    is_background,
    is_image_series,
    matching_models,
    versions_of_spaces,
)
from inference.runs.selectors import find_version
from inference.similarity.spaces.backfill import project_missing
from inference.similarity.words.series_words import mark_words_stale

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from inference.runs.types import RunOutcome

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
# Soft limit < hard limit < lease < the broker's visibility timeout.
RUN_SOFT_LIMIT_S, RUN_LIMIT_S = 1500, 1560
LEASE = timedelta(seconds=1800)
# A run handed to the broker is handed again after this: the broker may have lost it.
HANDED_OUT_FOR = timedelta(seconds=120)
_DISPATCH_AT_ONCE = 500
_IMAGES = "series__number_of_series_related_instances"
# A fresh series may have to wait until so many runs in the background, of together about so many
# images, are over.
_BACKGROUND_AT_ONCE, _BACKGROUND_IMAGES_AT_ONCE = 20, 100


def queue_runs_for_series(series_ids: Iterable[int]) -> int:
    """Queue the runs that the routing rules want for series with new instances.

    A series that is still arriving pushes its queued runs back by the settle time, so that the
    models see it whole.
    """
    queued = 0
    for series in Series.objects.filter(pk__in=list(series_ids)):
        for version in matching_models(series):
            queue_run(version=version, series=series, is_background=is_background(version))
            queued += 1
    return queued


def queue_run(
    *,
    version: ModelVersion,
    series: Series,
    asker: Asker | None = None,
    is_background: bool = False,
) -> Run:
    """Queue one run, or push back the one that is queued already.

    In the background it runs after all others; one that somebody waits for stays before them.
    """
    user = asker.user if asker else None
    values = {
        "study_id": series.study_id,
        "not_before": timezone.now() + timedelta(seconds=settings.TWINSIGHT_SETTLE_SECONDS),
    }
    if user is not None:
        values["requested_by_id"] = user.pk
    run, _ = Run.objects.update_or_create(
        model_version=version,
        series=series,
        state=Run.State.QUEUED,
        defaults=values if is_background else {**values, "is_background": False},
        create_defaults={**values, "is_background": is_background},
    )
    return run


def request_run(*, asker: Asker, model: str, series_uid: str) -> Run:
    """Queue a run that a person or a system asked for.

    Raises
    ------
    NotVisibleError
        No such series in the asker's rights, or no such model.
    NotAllowedError
        The asker may only look.
    InvalidRequestError
        The series holds no images.
    """
    user = asker.user
    series = (
        Series.objects.visible_to(user)
        .select_related("study")
        .filter(series_instance_uid=series_uid)
        .first()
        if user is not None
        else None
    )
    if series is None or user is None:
        raise NotVisibleError("There is no such series.")
    require_may_label(user, series.study)
    version = find_version(model)
    if not is_image_series(series):
        raise InvalidRequestError("This series holds no images to run a model on.")
    with transaction.atomic():
        run = queue_run(version=version, series=series, asker=asker)
        audit.record_run_requested(
            asker, study_instance_uid=series.study.study_instance_uid, model=str(version)
        )
    return run


def due_runs() -> list[int]:
    """Return the keys of runs that may start now and mark them as handed out.

    Embeddings come first: they are quick, and similarity waits for them. What runs in the
    background is handed out where nothing else is due, and little at a time.
    """
    now = timezone.now()
    is_due = Q(state=Run.State.QUEUED, not_before__lte=now) & (
        Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    )
    order = Case(
        When(model_version__task=ModelVersion.Task.EMBED, then=Value(0)),
        When(model_version__task=ModelVersion.Task.CLASSIFY, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    with transaction.atomic():
        due = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(is_due)
            .order_by(order, "pk")
        )
        keys = list(
            due.filter(is_background=False).values_list("pk", flat=True)[:_DISPATCH_AT_ONCE]
        )
        if not keys:
            keys = _some_in_background(due.filter(is_background=True), now)
        Run.objects.filter(pk__in=keys).update(lease_until=now + HANDED_OUT_FOR)
    return keys


def _some_in_background(due: QuerySet[Run], now: datetime) -> list[int]:
    """Return the keys of runs that may go to the workers beside those that are there already."""
    handed_out = Run.objects.filter(
        is_background=True, state__in=(Run.State.QUEUED, Run.State.RUNNING), lease_until__gt=now
    )
    known = handed_out.aggregate(runs=Count("pk"), images=Sum(_IMAGES))
    runs, images = known["runs"], known["images"] or 0
    keys = []
    for key, number in due.values_list("pk", _IMAGES)[:_BACKGROUND_AT_ONCE]:
        if runs >= _BACKGROUND_AT_ONCE or images >= _BACKGROUND_IMAGES_AT_ONCE:
            break
        keys.append(key)
        runs, images = runs + 1, images + number
    return keys


def claim_run(run_id: int) -> Run | None:
    """Take a queued run for this process; None where someone else has it or it is not due.

    The claim states what is analysed: the digest over the series' instances. An input that was
    analysed before with success is not analysed again.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            run = (
                Run.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("model_version", "series", "study")
                .filter(pk=run_id, state=Run.State.QUEUED)
                .first()
            )
            if run is None:
                return None
            run.input_digest = input_digest(run.series)
            if _was_done(run):
                _finish(run, Run.State.SKIPPED, "The same images were analysed before.")
                return None
            run.state = Run.State.RUNNING
            run.attempts += 1
            run.started_at = now
            run.lease_until = now + LEASE
            run.save()
    except IntegrityError:
        # Another run of the same model on this series is under way: later slices wait for it.
        Run.objects.filter(pk=run_id).update(
            lease_until=None, not_before=now + timedelta(seconds=5)
        )
        return None
    return run


def input_digest(series: Series) -> str:
    """SHA-256 over the identities of the series' instances, in the order of their UIDs."""
    digest = hashlib.sha256()
    rows = series.instances.order_by("sop_instance_uid").values_list(
        "sop_instance_uid", "dataset_sha256"
    )
    for uid, sha256 in rows.iterator():
        digest.update(f"{uid} {sha256}\n".encode())
    return digest.hexdigest()


def _was_done(run: Run) -> bool:
    return Run.objects.filter(
        model_version=run.model_version,
        series=run.series,
        input_digest=run.input_digest,
        state=Run.State.SUCCEEDED,
    ).exists()


def finish_run(run: Run, outcome: RunOutcome) -> None:
    """Record success: the run's device, message, statements and outputs, in one transaction."""
    with transaction.atomic():
        run.findings.all().delete()
        Finding.objects.bulk_create(
            [
                Finding(
                    run=run,
                    series_id=run.series_id,
                    kind=finding.kind,
                    name=finding.name,
                    label=finding.label,
                    value=finding.value,
                    unit=finding.unit,
                    probability=finding.probability,
                    location=finding.location,
                    tracking_uid=finding.tracking_uid,
                    is_critical=finding.is_critical,
                )
                for finding in outcome.findings
            ]
        )
        if outcome.findings:
            mark_words_stale([run.study_id])
        run.device = outcome.device
        run.outputs = outcome.outputs
        run.timings = {**run.timings, **outcome.timings}
        _finish(run, Run.State.SUCCEEDED, outcome.message)


def skip_run(run: Run, message: str) -> None:
    """Record that the model does not apply to these images, and why."""
    _finish(run, Run.State.SKIPPED, message)


def fail_run(run: Run, message: str, *, is_retriable: bool) -> None:
    """Record a failure: queued again with a growing pause, or dead after the last attempt."""
    if is_retriable and run.attempts < MAX_ATTEMPTS:
        _requeue(run, message)
    else:
        _finish(run, Run.State.DEAD, message)


def _requeue(run: Run, message: str) -> None:
    pause = timedelta(seconds=5 * 4 ** (run.attempts - 1))
    try:
        with transaction.atomic():
            run.state = Run.State.QUEUED
            run.lease_until = None
            run.not_before = timezone.now() + pause
            run.message = message[:500]
            run.save()
    except IntegrityError:
        # Newer slices have queued a run of their own meanwhile; it sees all of these too.
        run.refresh_from_db()
        _finish(run, Run.State.SKIPPED, "Replaced by a run on the whole series.")


def _finish(run: Run, state: str, message: str) -> None:
    run.state = state
    run.message = message[:500]
    run.lease_until = None
    run.finished_at = timezone.now()
    run.save()


def reconcile_runs() -> int:
    """Bring back runs whose worker died, and queue those that should exist and don't."""
    lost = Run.objects.filter(state=Run.State.RUNNING, lease_until__lte=timezone.now())
    brought_back = 0
    for run in lost.select_related("model_version"):
        fail_run(run, "The worker died while it ran this model.", is_retriable=True)
        brought_back += 1
    return brought_back + _queue_missing() + project_missing()


def _queue_missing(*, batch_size: int = 200) -> int:
    """Queue models in use for series that no run of theirs ever saw.

    A space that is being filled is filled at its own pace.
    """
    queued = 0
    promoted = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE)
    for version in {*promoted.select_related("embedding_space__fill"), *versions_of_spaces()}:
        if has_idle_space(version) or _is_being_filled(version):
            continue
        missing = (
            Series.objects.exclude(runs__model_version=version)
            .filter(number_of_series_related_instances__gt=0)
            .filter(created_at__lt=timezone.now() - timedelta(minutes=5))
            .order_by("-pk")[:batch_size]
        )
        for series in missing:
            if version in matching_models(series):
                queue_run(version=version, series=series, is_background=is_background(version))
                queued += 1
    return queued


def _is_being_filled(version: ModelVersion) -> bool:
    space = getattr(version, "embedding_space", None)
    return space is not None and space.state == EmbeddingSpace.State.FILLING
