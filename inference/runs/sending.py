"""Send what is due of the news of runs; several at once, so that no dead peer holds the others."""

from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import timezone

from archive.errors import ArchiveError
from inference.models import RunNotice, RunSubscription
from inference.runs.selectors import visible_runs
from inference.runs.webhooks import post_signed

if TYPE_CHECKING:
    from datetime import datetime

_WEBHOOK = "Webhook:"
_AT_ONCE = 8
_MAX_ATTEMPTS = 6
_FIRST_PAUSE = timedelta(seconds=30)
# Older news is no news.
_MAX_AGE = timedelta(days=2)


def send_due_notices() -> int:
    """Send the news that is due; what fails is tried again with a growing pause.

    Returns
    -------
    How many went out, or have nowhere to go but the bell.
    """
    now = timezone.now()
    due = RunNotice.objects.filter(sent_at__isnull=True, attempts__lt=_MAX_ATTEMPTS)
    due = due.filter(not_before__lte=now, created_at__gt=now - _MAX_AGE)
    rows = list(
        due.select_related(
            "user__run_subscription", "run__model_version", "run__series", "run__study"
        ).order_by("pk")[:_AT_ONCE]
    )
    unheard = [row.pk for row in rows if not _may_hear(row)]
    RunNotice.objects.filter(pk__in=unheard).update(sent_at=now, error="Not theirs any more.")
    rows = [row for row in rows if row.pk not in unheard]
    if not rows:
        return 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        errors = list(pool.map(_send, rows))
    for row, error in zip(rows, errors, strict=True):
        _record(row, error, now)
    return errors.count("")


def _may_hear(row: RunNotice) -> bool:
    """Whether the person may still be told: a try may come days after the run."""
    return row.user.is_active and visible_runs(row.user).filter(pk=row.run_id).exists()


def _record(row: RunNotice, error: str, now: datetime) -> None:
    row.attempts += 1
    row.error = error[:200]
    if error:
        row.not_before = now + _FIRST_PAUSE * 2**row.attempts
    else:
        row.sent_at = now
    row.save(update_fields=["attempts", "error", "not_before", "sent_at"])


def _send(row: RunNotice) -> str:
    """Send one notice; no query is made here: it runs in a thread. Return what went wrong."""
    wish: RunSubscription | None = getattr(row.user, "run_subscription", None)
    if wish is None:
        return ""
    try:
        # A webhook that failed is tried again, the mail before it is not sent twice.
        if wish.by_mail and row.user.email and not row.error.startswith(_WEBHOOK):
            _send_mail(row)
        if wish.webhook_url:
            post_signed(wish.webhook_url, wish.webhook_secret, notice_json(row))
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return f"Mail: {type(error).__name__}."
    except ArchiveError as error:
        return f"{_WEBHOOK} {error.message}"
    return ""


def notice_json(row: RunNotice) -> dict[str, Any]:
    """Return a notice as a webhook gets it: no names, no words of a report."""
    run = row.run
    return {
        "event": f"run.{row.kind}",
        "run": run.pk,
        "state": run.state,
        "model": run.model_version.name,
        "version": run.model_version.version,
        "study_uid": run.study.study_instance_uid,
        "series_uid": run.series.series_instance_uid,
        "url": _address(row),
    }


def _send_mail(row: RunNotice) -> None:
    """Mail is read by others on its way: it says that there is something, never what."""
    what = {"done": "is done", "failed": "failed", "critical": "found something critical"}[row.kind]
    words = f"Run {row.run_id} of {row.run.model_version} {what}."
    text = f"{words}\n\n{_address(row)}\n\nResearch results, not for diagnostic use.\n"
    send_mail(f"Twinsight: {words}", text, None, [row.user.email])


def _address(row: RunNotice) -> str:
    return settings.TWINSIGHT_PUBLIC_URL + reverse("runs:run-detail", args=[row.run_id])
