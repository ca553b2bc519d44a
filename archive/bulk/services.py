"""Ask for an act on many studies, and stop one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.audit import jobs as audit
from archive.bulk.registry import find_act
from archive.bulk.selectors import find_job
from archive.dicom.uids import is_valid_uid
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    StateConflictError,
)
from archive.models import BulkItem, BulkJob, Study
from archive.query.worklist import matching_studies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.audit.types import Asker
    from archive.query.worklist import WorklistFilters

# Of one person, beside each other.
MAX_OPEN_JOBS = 10
_State = BulkJob.State


def start_job(
    *,
    asker: Asker,
    act: str,
    options: Mapping[str, str],
    study_uids: Iterable[str] = (),
    filters: WorklistFilters | None = None,
) -> BulkJob:
    """Queue an act on studies: those named, or all that a list shows.

    Parameters
    ----------
    asker
        who sees the studies; whether the act is theirs is asked again at each of them
    act, options
        of the registry, and what it asks for
    study_uids
        Study Instance UIDs
    filters
        in their stead: of the study list, in its order

    Returns
    -------
    the job; a worker takes it up within seconds

    Raises
    ------
    InvalidRequestError
        The act, an option or a UID is wrong, or no study is named.
    LimitExceededError
        It is more than one job may hold, or too many jobs are open.
    NotAllowedError
        The act is not for the asker.
    """
    user = asker.user
    if user is None or not user.is_authenticated:
        raise NotAllowedError(gettext("Only accounts may do this."))
    found = find_act(user, act)
    kept = found.check(asker, options)
    uids = _all_of(asker, filters) if filters is not None else _named(asker, study_uids)
    with transaction.atomic():
        # One after the other for one person: the number of open ones holds.
        mine = BulkJob.objects.filter(user_id=user.pk, finished_at__isnull=True)
        if len(mine.select_for_update().values_list("pk", flat=True)) >= MAX_OPEN_JOBS:
            raise LimitExceededError(
                gettext("At most %(most)s jobs of yours may be open at once.")
                % {"most": MAX_OPEN_JOBS}
            )
        job = BulkJob.objects.create(
            user_id=user.pk,
            act=act,
            options={**kept, "_asker": _asker_json(asker)},
            number_of_items=len(uids),
        )
        BulkItem.objects.bulk_create(
            [BulkItem(job=job, study_instance_uid=uid) for uid in uids], batch_size=1000
        )
        audit.record_job_requested(asker, job=job.pk, act=act, studies=len(uids))
        transaction.on_commit(lambda: _wake(job.pk))
    return job


def _wake(job_id: int) -> None:
    from archive.bulk.tasks import wake_worker  # noqa: PLC0415 tasks call services

    wake_worker(job_id)


def cancel_job(*, asker: Asker, job_id: int) -> BulkJob:
    """Stop a job behind the step that is being done.

    Raises
    ------
    NotVisibleError
        There is none of the asker's.
    StateConflictError
        It has ended already.
    """
    with transaction.atomic():
        found = find_job(asker.user, job_id)
        job: BulkJob = BulkJob.objects.select_for_update().get(pk=found.pk)
        if job.finished_at is not None:
            raise StateConflictError(gettext("It has ended already."), code="job-ended")
        job.is_cancel_requested = True
        if job.lease_until is None or job.lease_until <= timezone.now():
            job.state, job.finished_at, job.lease_until = _State.CANCELLED, timezone.now(), None
        job.save(update_fields=["is_cancel_requested", "state", "finished_at", "lease_until"])
        audit.record_job_cancelled(asker, job=job.pk)
    return job


def _named(asker: Asker, study_uids: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(study_uids))
    if not wanted:
        raise InvalidRequestError(gettext("Name at least one study."), code="no-studies")
    _require_few(len(wanted))
    if not all(is_valid_uid(uid) for uid in wanted):
        raise InvalidRequestError(gettext("Name studies by their Study Instance UIDs."))
    user: Any = asker.user
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=wanted)
    seen = set(rows.values_list("study_instance_uid", flat=True))
    if len(seen) < len(wanted):
        # Absent or outside the asker's rights: the same.
        raise InvalidRequestError(
            gettext("A study is not there, or not for you."), code="unknown-study"
        )
    return wanted


def _all_of(asker: Asker, filters: WorklistFilters) -> list[str]:
    user: Any = asker.user
    most = int(settings.TWINSIGHT_BULK_MAX_STUDIES)
    rows = matching_studies(user, filters).values_list("study_instance_uid", flat=True)
    uids = list(rows.order_by("pk")[: most + 1])
    if not uids:
        raise InvalidRequestError(gettext("No study matches any more."), code="no-studies")
    _require_few(len(uids))
    return uids


def _require_few(count: int) -> None:
    most = int(settings.TWINSIGHT_BULK_MAX_STUDIES)
    if count > most:
        raise LimitExceededError(
            gettext("At most %(most)s studies are taken at once; narrow the list.") % {"most": most}
        )


def _asker_json(asker: Asker) -> dict[str, str]:
    return {
        "door": asker.door,
        "token_hint": asker.token_hint,
        "address": asker.address or "",
        "name": asker.name,
    }
