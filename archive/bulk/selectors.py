"""A person's jobs, asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Q
from django.utils import timezone

from archive.bulk.registry import known_act
from archive.bulk.types import JobView
from archive.errors import NotVisibleError
from archive.models import BulkItem, BulkJob, Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

MAX_LISTED = 100
_MAX_TROUBLES = 200
_ITEM = BulkItem.State


def own_jobs(user: AnyUser | None) -> QuerySet[BulkJob]:
    """Return the user's jobs, newest first."""
    if user is None or not user.is_authenticated or not user.is_active:
        return BulkJob.objects.none()
    return BulkJob.objects.filter(user_id=user.pk).order_by("-pk")


def find_job(user: AnyUser | None, job_id: int) -> BulkJob:
    """Return a job of the user's.

    Raises
    ------
    NotVisibleError
        There is none.
    """
    job = own_jobs(user).filter(pk=job_id).first()
    if job is None:
        raise NotVisibleError("There is no such job.")
    return job


def list_jobs(
    user: AnyUser, *, limit: int = MAX_LISTED, offset: int = 0, is_open: bool = False
) -> list[JobView]:
    """Return a user's jobs as pages show them, newest first."""
    rows = own_jobs(user)
    if is_open:
        rows = rows.filter(finished_at__isnull=True)
    counted = rows.annotate(skipped=Count("items", filter=Q(items__state=_ITEM.SKIPPED)))
    return [_view(job, skipped=job.skipped) for job in counted[offset : offset + limit]]


def count_jobs(user: AnyUser) -> int:
    """Count a user's jobs."""
    return own_jobs(user).count()


def open_job_count(user: AnyUser) -> int:
    """Count the user's jobs that are not at their end."""
    return own_jobs(user).filter(finished_at__isnull=True).count()


def job_view(user: AnyUser, job_id: int) -> JobView:
    """Return one job with what went wrong in it.

    Raises
    ------
    NotVisibleError
        There is none of the user's.
    """
    job = find_job(user, job_id)
    skipped = BulkItem.objects.filter(job=job, state=_ITEM.SKIPPED).count()
    bad = BulkItem.objects.filter(job=job, state__in=(_ITEM.FAILED, _ITEM.SKIPPED)).order_by("pk")
    rows = list(bad.values_list("study_instance_uid", "state", "message")[:_MAX_TROUBLES])
    return _view(job, skipped=skipped, troubles=rows)


def job_items(user: AnyUser, job_id: int, *, limit: int, offset: int) -> tuple[int, list[BulkItem]]:
    """Return how many studies a job has, and some of them in their order."""
    rows = BulkItem.objects.filter(job=find_job(user, job_id)).order_by("pk")
    return rows.count(), list(rows[offset : offset + limit])


def names_of_studies(user: AnyUser, uids: Sequence[str]) -> dict[str, str]:
    """Return whose studies these are, as far as the user still sees them."""
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=uids)
    return dict(rows.values_list("study_instance_uid", "patient__patient_name"))


def _view(job: BulkJob, *, skipped: int, troubles: Sequence[tuple[str, str, str]] = ()) -> JobView:
    act = known_act(job.act)
    until = job.result_until
    has_result = bool(job.result_name) and until is not None and until > timezone.now()
    return JobView(
        pk=job.pk,
        act=job.act,
        label=act.label if act else job.act,
        icon=act.icon if act else "layers",
        state=job.state,
        detail=str(job.options.get("detail", "")),
        items=job.number_of_items,
        done=job.number_done,
        failed=job.number_failed,
        skipped=skipped,
        error=job.error,
        created_at=job.created_at,
        finished_at=job.finished_at,
        is_open=job.finished_at is None,
        is_cancel_requested=job.is_cancel_requested,
        has_result=has_result and job.finished_at is not None,
        result_bytes=job.result_bytes,
        result_until=job.result_until,
        troubles=troubles,
    )
