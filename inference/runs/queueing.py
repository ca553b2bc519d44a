"""Ask for runs: by routing rules, by people, by a second look. No torch here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import require_may_label
from archive.audit import services as audit
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Series
from inference.bundles.gates import why_not
from inference.errors import UnsupportedInputError
from inference.models import Priority, Run
from inference.runs.limits import require_room_for_run
from inference.runs.observing import tell_observers
from inference.runs.priority import requested_priority
from inference.runs.routing import is_background, is_image_series, is_in_shadow, wanted_runs
from inference.runs.selectors import find_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.models import ModelVersion


def queue_runs_for_series(series_ids: Iterable[int]) -> int:
    """Queue the runs that the routing rules want for series with new instances.

    A series that is still arriving pushes its queued runs back by the settle time, so that the
    models see it whole. What their intended use excludes is said when they would start.
    """
    queued = 0
    for series in Series.objects.filter(pk__in=list(series_ids)):
        wanted = wanted_runs(series)
        urgency = requested_priority(series) if wanted else Priority.ROUTINE
        for one in wanted:
            queue_run(
                version=one.version,
                series=series,
                is_background=is_background(one.version),
                priority=max(one.priority, urgency),
                is_shadow=one.is_shadow,
            )
            queued += 1
    return queued


def queue_run(
    *,
    version: ModelVersion,
    series: Series,
    asker: Asker | None = None,
    is_background: bool = False,
    priority: int = Priority.ROUTINE,
    is_shadow: bool = False,
    again_of: Run | None = None,
) -> Run:
    """Queue one run, or push back the one that is queued already.

    In the background it runs after all others; one that somebody waits for stays before them.
    Of two wishes the more urgent one holds, and the one whose results more people see.
    """
    user = asker.user if asker else None
    not_before = timezone.now() + timedelta(seconds=settings.TWINSIGHT_SETTLE_SECONDS)
    run: Run
    with transaction.atomic():
        run, is_new = Run.objects.select_for_update().get_or_create(
            model_version=version,
            series=series,
            state=Run.State.QUEUED,
            defaults={
                "study_id": series.study_id,
                "not_before": not_before,
                "is_background": is_background,
                "priority": priority,
                "is_shadow": is_shadow,
                "requested_by_id": user.pk if user else None,
                "again_of": again_of,
            },
        )
        if not is_new:
            run.not_before = not_before
            run.is_background = run.is_background and is_background
            run.priority = max(run.priority, priority)
            run.is_shadow = run.is_shadow and is_shadow
            run.requested_by_id = user.pk if user else run.requested_by_id
            run.save()
        else:
            tell_observers(run)
    return run


def request_run(
    *, asker: Asker, model: str, series_uid: str, priority: int = Priority.ROUTINE
) -> Run:
    """Queue a run that a person or a system asked for.

    Raises
    ------
    NotVisibleError
        No such series in the asker's rights, or no such model.
    NotAllowedError
        The asker may only look.
    ModelRetiredError
        The model is out of use.
    InvalidRequestError
        The series holds no images.
    UnsupportedInputError
        The model's intended use excludes the series.
    TooManyRunsError
        The asker's runs are too many already.
    """
    series = _visible_series(asker.user, series_uid)
    if asker.user is not None:
        require_may_label(asker.user, series.study)
    return request_version(
        asker=asker, version=find_version(model), series=series, priority=priority
    )


def request_version(
    *,
    asker: Asker,
    version: ModelVersion,
    series: Series,
    priority: int = Priority.ROUTINE,
    is_shadow: bool = False,
    again_of: Run | None = None,
) -> Run:
    """Queue a version on a series that the asker sees; errors as of `request_run`.

    Where the version is on trial the run is, too, whatever ``is_shadow`` says.
    """
    user = asker.user
    if user is None:
        raise NotVisibleError("There is no such series.")
    require_may_label(user, series.study)
    if not is_image_series(series):
        raise InvalidRequestError(gettext("This series holds no images to run a model on."))
    if reason := why_not(version, series):
        raise UnsupportedInputError(reason)
    with transaction.atomic():
        require_room_for_run(user)
        run = queue_run(
            version=version,
            series=series,
            asker=asker,
            priority=max(priority, requested_priority(series)),
            is_shadow=is_shadow or is_in_shadow(version),
            again_of=again_of,
        )
        audit.record_run_requested(
            asker, study_instance_uid=series.study.study_instance_uid, model=str(version)
        )
    return run


def _visible_series(user: AnyUser | None, series_uid: str) -> Series:
    if user is not None:
        rows = Series.objects.visible_to(user).select_related("study__patient")
        series: Series | None = rows.filter(series_instance_uid=series_uid).first()
        if series is not None:
            return series
    raise NotVisibleError("There is no such series.")
