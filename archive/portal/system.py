"""What waits, which workers live, and how full the disk is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import require_site_radiology_admin
from archive.errors import InvalidRequestError
from archive.ingest.verification import last_verification
from archive.portal.dashboard_figures import Chart, Column, Row
from archive.portal.statuses import speaks_html
from archive.statistics import broker, queues, selectors
from archive.statistics.backups import is_old, last_backup
from archive.statistics.forecasting import forecast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from archive.models import StorageSample

PERIODS = {30: _("30 days"), 90: _("90 days"), 365: _("1 year")}


@require_safe
@speaks_html
def queue_list(request: HttpRequest) -> HttpResponse:
    """Show every queue, and what waits at the broker."""
    lines = queues.list_queues(request.user)
    context = {
        "lines": lines,
        "stuck": sum(line.state.stuck for line in lines),
        "messages_waiting": broker.message_counts(),
    }
    return render(request, "manage/queue_list.html", context)


@require_safe
@speaks_html
def worker_list(request: HttpRequest) -> HttpResponse:
    """Show the workers that answer; asking takes a second, so the page asks for it by itself."""
    require_site_radiology_admin(request.user)
    return render(request, "manage/_workers.html", {"workers": broker.workers()})


@require_POST
@speaks_html
def queue_retry(request: HttpRequest, name: str) -> HttpResponse:
    """Try again what failed in a queue, and free what is stuck."""
    try:
        number = queues.retry_queue(asker=asker_of(request), name=name)
    except InvalidRequestError as error:
        messages.error(request, error.message)
    else:
        words = ngettext("One is on its way again.", "%(n)d are on their way again.", number)
        messages.success(request, words % {"n": number})
    return redirect("portal:queue-list")


@require_safe
@speaks_html
def storage(request: HttpRequest) -> HttpResponse:
    """Show the disk, when it will be full, what takes it, and whether all files are whole."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked.isdecimal() and int(asked[:6]) in PERIODS else 90
    samples = selectors.storage_samples(request.user, days=days)
    last = samples[-1] if samples else None
    trend = forecast()
    backup = last_backup()
    context = {
        "days": days,
        "periods": PERIODS,
        "last": last,
        "used_percent": 100 * (1 - last.free_bytes / (last.total_bytes or 1)) if last else 0,
        "used_bytes": last.taken_bytes if last else 0,
        "reserve_bytes": settings.TWINSIGHT_STORAGE_RESERVE_BYTES,
        "trend": trend,
        "is_soon": bool(
            trend and trend.full_on and trend.full_on < timezone.now() + timedelta(days=60)
        ),
        "chart": _disk_chart(samples),
        "projects": selectors.shares_by_project(request.user),
        "modalities": selectors.shares_by_modality(request.user),
        "problems": selectors.blob_problems(request.user),
        "verification": last_verification(),
        "backup": backup,
        "is_backup_old": backup is not None and is_old(backup),
    }
    return render(request, "manage/storage.html", context)


def _disk_chart(samples: Sequence[StorageSample]) -> Chart:
    """Return one point a day: what is taken, and all there is."""
    by_day = {timezone.localdate(sample.taken_at): sample for sample in samples}
    rows = [
        Row(
            day,
            day.isoformat(),
            [float(one.taken_bytes), float(one.total_bytes)],
        )
        for day, one in by_day.items()
    ]
    columns = [Column(pgettext("disk", "Taken"), "twin"), Column(_("Disk"), "quiet")]
    if samples and not samples[-1].total_bytes:
        # A bucket without a known end.
        rows = [replace(row, values=row.values[:1]) for row in rows]
        columns = columns[:1]
    return Chart("lines", columns, rows, unit="bytes")
