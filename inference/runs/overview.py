"""Runs as their page shows them: place in the queue, when about they begin, how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Avg, F, OuterRef, Subquery
from django.utils import timezone

from archive.models.access import LABELLING_ROLES
from archive.models.querysets import readable_projects
from inference.bundles.external import EXTERNAL
from inference.models import ModelVersion, Run
from inference.runs.control import RETRIABLE
from inference.runs.priority import RUN_ORDER
from inference.runs.selectors import find_run, visible_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

OPEN_STATES = (Run.State.QUEUED, Run.State.RUNNING)
# Beyond this a place in the queue is not counted out.
_MAX_PLACES = 5000
# So many of a version's newest successes say how long its runs take.
_RECENT = 20
_UNKNOWN_S = 10.0


@dataclass(frozen=True)
class RunLine:
    """A run with what isn't in its row; seconds, places counted from 1, None where unknown."""

    run: Run
    place: int | None = None
    begins_in_s: float | None = None
    expected_s: float | None = None
    took_s: float | None = None
    may_act: bool = False

    @property
    def can_cancel(self) -> bool:
        """Whether it is not over, and nobody asked for its end."""
        is_asked = self.run.cancel_requested_at is not None
        return self.may_act and self.run.state in OPEN_STATES and not is_asked

    @property
    def can_retry(self) -> bool:
        """Whether it failed, did not apply or was cancelled."""
        return self.may_act and self.run.state in RETRIABLE

    @property
    def can_run_again(self) -> bool:
        """Whether another version may be tried on the same series."""
        return self.may_act and self.run.state not in OPEN_STATES


def list_runs(
    user: AnyUser,
    *,
    states: Iterable[str] = (),
    model: str = "",
    study_uid: str = "",
    is_own: bool = False,
    with_background: bool = False,
    before: int | None = None,
) -> QuerySet[Run]:
    """Return the runs that the user sees, the newest first; open ones alone as they come up."""
    rows = visible_runs(user).select_related(
        "model_version", "series", "study__patient", "requested_by"
    )
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if model:
        rows = rows.filter(model_version__name=model)
    if study_uid:
        rows = rows.filter(study__study_instance_uid=study_uid)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    if is_own:
        rows = rows.filter(requested_by=user.pk or 0)
    if not with_background:
        rows = rows.filter(is_background=False)
    if wanted and set(wanted) <= set(OPEN_STATES):
        return rows.order_by("-state", "is_background", *RUN_ORDER)
    return rows.order_by("-pk")


def run_names(user: AnyUser) -> list[str]:
    """Return the names of models that have runs the user sees."""
    rows = visible_runs(user).order_by().values_list("model_version__name", flat=True)
    return sorted(rows.distinct())


def run_line(user: AnyUser, run_id: int) -> RunLine:
    """Return one run; NotVisibleError outside the rights."""
    return run_lines(user, [find_run(user, run_id)])[0]


def run_lines(user: AnyUser, runs: Iterable[Run]) -> list[RunLine]:
    """Say of each run where it stands; the same user must see them all."""
    rows = list(runs)
    waiting = any(run.state == Run.State.QUEUED for run in rows)
    places = _places() if waiting else {}
    seconds = _usual_seconds({run.model_version_id for run in rows})
    acting = _studies_to_act_in(user, rows)
    return [_line(run, places, seconds, may_act=run.study_id in acting) for run in rows]


def _line(
    run: Run,
    places: Mapping[int, tuple[int, float]],
    seconds: Mapping[int, float],
    *,
    may_act: bool,
) -> RunLine:
    place, begins = places.get(run.pk, (None, None))
    took = None
    if run.started_at is not None:
        took = ((run.finished_at or timezone.now()) - run.started_at).total_seconds()
        took = None if run.state == Run.State.QUEUED else took
    return RunLine(
        run=run,
        place=place,
        begins_in_s=begins,
        expected_s=seconds.get(run.model_version_id),
        took_s=took,
        may_act=may_act,
    )


def _places() -> dict[int, tuple[int, float]]:
    """Return each queued run's place and in how many seconds about it begins.

    What runs now says how many run at once; a slot that is free counts as one. What somebody
    outside performs stands in no queue of ours.
    """
    ours = Run.objects.exclude(model_version__pipeline=EXTERNAL)
    queued = ours.filter(state=Run.State.QUEUED).order_by("is_background", *RUN_ORDER)
    rows = list(queued.values_list("pk", "model_version_id", "not_before")[:_MAX_PLACES])
    running = ours.filter(state=Run.State.RUNNING)
    slots = max(running.count(), 1)
    seconds = _usual_seconds({version for _, version, _ in rows} | set(_versions_of(running)))
    now = timezone.now()
    ahead = _left_of(running, seconds)
    found = {}
    for place, (key, version, not_before) in enumerate(rows, start=1):
        waits = max((not_before - now).total_seconds(), 0.0)
        found[key] = (place, max(ahead / slots, waits))
        ahead += seconds.get(version, _UNKNOWN_S)
    return found


def _versions_of(rows: QuerySet[Run]) -> list[int]:
    return list(rows.order_by().values_list("model_version_id", flat=True).distinct())


def _left_of(running: QuerySet[Run], seconds: Mapping[int, float]) -> float:
    now = timezone.now()
    left = 0.0
    for version, started_at in running.values_list("model_version_id", "started_at"):
        gone = (now - started_at).total_seconds() if started_at else 0.0
        left += max(seconds.get(version, _UNKNOWN_S) - gone, 0.0)
    return left


def _usual_seconds(version_ids: Iterable[int]) -> dict[int, float]:
    """Return how long each version's newest successes took, on average."""
    wanted = list(version_ids)
    newest = (
        Run.objects.filter(model_version=OuterRef("model_version"), state=Run.State.SUCCEEDED)
        .order_by("-pk")
        .values("pk")[_RECENT - 1 : _RECENT]
    )
    rows = (
        Run.objects.order_by()
        .filter(model_version__in=wanted, state=Run.State.SUCCEEDED, started_at__isnull=False)
        .annotate(oldest=Subquery(newest))
        .exclude(pk__lt=F("oldest"))
        .values("model_version")
        .annotate(took=Avg(F("finished_at") - F("started_at")))
    )
    return {
        row["model_version"]: max(row["took"], timedelta()).total_seconds()
        for row in rows
        if row["took"] is not None
    }


def _studies_to_act_in(user: AnyUser, runs: Iterable[Run]) -> set[int]:
    projects = readable_projects(user, LABELLING_ROLES)
    studies = {run.study_id for run in runs}
    return set(projects.filter(studies__in=studies).values_list("studies", flat=True)) & studies


def other_versions(run: Run) -> list[ModelVersion]:
    """Return the versions of the same task that can run on the run's series instead."""
    rows = ModelVersion.objects.filter(task=run.model_version.task)
    rows = rows.exclude(state=ModelVersion.State.RETIRED).exclude(pk=run.model_version_id)
    return list(rows.order_by("name", "-created_at"))


def open_runs_visible_to(user: AnyUser) -> int:
    """Count the runs that are queued or running and that somebody waits for."""
    rows = visible_runs(user).filter(state__in=OPEN_STATES, is_background=False)
    return rows.count()
