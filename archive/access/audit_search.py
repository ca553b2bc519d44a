"""The audit trail read by those who may: within their projects, and itself on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext

from archive.audit.trail import record_trail_read
from archive.errors import NotAllowedError
from archive.models import AuditEvent, Role, Study
from archive.models.memberships import memberships_of
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

PAGE, MOST_EXPORTED = 50, 100_000
# Of so many records the newest ones are found by walking.
LATEST = 100_000
_WALKS = ("enable_seqscan", "enable_indexscan")
_READERS: frozenset[str] = frozenset({Role.AUDITOR, Role.RADIOLOGY_ADMIN})
# Sign-ins, and changes of who may what: for administrators of accounts.
_OF_ACCOUNTS = ("110100", "110113", "110114")


@dataclass(frozen=True, kw_only=True)
class AuditFilters:
    """What is looked for; empty fields are not asked."""

    first_day: date | None = None
    last_day: date | None = None
    user: str = ""
    act: str = ""
    event_id: str = ""
    door: str = ""
    study: str = ""
    address: str = ""
    outcome: str = ""


@dataclass(frozen=True)
class AuditPage:
    """Records, newest first, and where the next page begins."""

    rows: list[AuditEvent]
    next_before: int | None


def may_read_trail(user: AnyUser) -> bool:
    """Whether the user reads the audit trail of anything."""
    return user.is_active and (
        any(held.role in _READERS for held in memberships_of(user))
        or bool(user.is_authenticated and user.is_superuser)
    )


def require_may_read_trail(user: AnyUser | None) -> None:
    """Raise NotAllowedError unless the user reads the audit trail of anything."""
    if user is None or not may_read_trail(user):
        raise NotAllowedError(gettext("Only auditors and radiology admins read the audit trail."))


def readable_records(user: AnyUser) -> QuerySet[AuditEvent]:
    """Return the records that the user may read.

    Auditors and radiology admins of every project read everything, those of some projects what
    was done with these projects' studies, administrators of accounts what was done with accounts.
    """
    held = [one for one in memberships_of(user) if one.role in _READERS]
    if any(one.project_id is None for one in held):
        return AuditEvent.objects.all()
    condition = Q(pk__in=[])
    if held:
        studies = Study.objects.filter(projects__in=readable_projects(user, _READERS))
        uids = studies.order_by().values("study_instance_uid")
        condition |= Q(study_instance_uid__in=uids)
    if user.is_authenticated and user.is_active and user.is_superuser:
        condition |= Q(study_instance_uid="", event_id__in=_OF_ACCOUNTS)
    return AuditEvent.objects.filter(condition)


def search_trail(
    *, asker: Asker, filters: AuditFilters, before: int | None = None, number: int = PAGE
) -> AuditPage:
    """Return a page of records, newest first; that they were read is recorded first.

    Raises
    ------
    NotAllowedError
        The asker reads no trail.
    """
    rows = _searched(asker, filters)
    if before is None:
        record_trail_read(asker, act="read-audit", filters=_said(filters))
    else:
        rows = rows.filter(pk__lt=before)
    is_summarised = bool(filters.act or filters.user or filters.address)
    found = _newest(rows, number + 1, before, is_summarised=is_summarised)
    more = found[number - 1].pk if len(found) > number else None
    return AuditPage(found[:number], more)


def export_trail(*, asker: Asker, filters: AuditFilters) -> Iterator[AuditEvent]:
    """Return the records, oldest first, to be sent as a file; recorded first.

    Raises
    ------
    NotAllowedError
        The asker reads no trail.
    """
    rows = _searched(asker, filters)
    record_trail_read(asker, act="export-audit", filters=_said(filters))
    return rows.order_by("pk")[:MOST_EXPORTED].iterator(chunk_size=1000)


def _newest(
    rows: QuerySet[AuditEvent], number: int, before: int | None, *, is_summarised: bool
) -> list[AuditEvent]:
    """Return the newest records; what is rare among the latest is gathered by its summary.

    The database would walk years of records backwards for what it takes to be frequent.
    """
    end = before or (AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0)
    start = end - LATEST if is_summarised else 0
    latest = list(rows.filter(pk__gt=start).order_by("-pk")[:number])
    if len(latest) == number or start <= 0:
        return latest
    # Not in the order of the key, which would be walked.
    older = rows.filter(pk__lte=start).order_by((F("pk") + 0).desc())
    with transaction.atomic(), connection.cursor() as cursor:
        for setting in _WALKS:
            cursor.execute(f"SET LOCAL {setting} = off")
        found = list(older[: number - len(latest)])
        for setting in _WALKS:
            cursor.execute(f"SET LOCAL {setting} TO DEFAULT")
    return latest + found


def known_acts() -> list[str]:
    """Return the acts that are on record, for a list to choose from."""
    rows = AuditEvent.objects.order_by("-pk").values_list("act", flat=True)[:20_000]
    return sorted(set(rows))


def _searched(asker: Asker, filters: AuditFilters) -> QuerySet[AuditEvent]:
    require_may_read_trail(asker.user)
    rows = readable_records(asker.user or AnonymousUser())
    if filters.first_day:
        rows = rows.filter(recorded_at__gte=_start_of(filters.first_day))
    if filters.last_day:
        rows = rows.filter(recorded_at__lt=_start_of(filters.last_day + timedelta(days=1)))
    if filters.user:
        rows = rows.filter(actor_name=filters.user)
    if filters.outcome:
        is_refused = filters.outcome == "refused"
        rows = rows.exclude(outcome=0) if is_refused else rows.filter(outcome=0)
    exact = {
        "act": filters.act,
        "event_id": filters.event_id,
        "door": filters.door,
        "study_instance_uid": filters.study,
        "address": filters.address,
    }
    return rows.filter(**{name: value for name, value in exact.items() if value})


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _said(filters: AuditFilters) -> dict[str, str]:
    return {name: str(value) for name, value in vars(filters).items() if value}
