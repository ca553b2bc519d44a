"""The archive at a glance, within the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from archive.access.selectors import is_site_radiology_admin
from archive.portal import panels
from archive.portal.dashboard_figures import images_chart, studies_chart, totals_of
from archive.portal.frame_first import render_frame_first
from archive.portal.statuses import speaks_html
from archive.statistics import selectors
from archive.statistics.queues import list_queues

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.models.querysets import AnyUser
    from archive.statistics.types import Day

PERIODS = {30: _("30 days"), 90: _("90 days"), 365: _("1 year"), 1825: _("5 years")}
_WEEK = 7


@require_safe
@speaks_html
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """Show what arrived, what waits, and how models and search do."""
    user, project = request.user, request.GET.get("project", "")[:64]
    asked = request.GET.get("days", "")
    days = int(asked) if asked.isdecimal() and int(asked[:6]) in PERIODS else 90
    found = selectors.days_of(user, days=days, project=project)
    context = {"days": days, "periods": PERIODS, "project": project}
    return render_frame_first(
        request,
        "dashboard/dashboard.html",
        lambda: {**context, **_figures(user, found, project)},
    )


def _figures(user: AnyUser, found: list[Day], project: str) -> dict[str, Any]:
    return {
        "projects": selectors.figure_projects(user),
        "today": totals_of(found[-1:]),
        "week": totals_of(found[-_WEEK:]),
        "week_before": totals_of(found[-2 * _WEEK : -_WEEK]),
        "period": totals_of(found),
        "studies": studies_chart(found),
        "images": images_chart(found),
        "shares": selectors.shares_by_modality(user, project=project)[:8],
        "queues": list_queues(user) if is_site_radiology_admin(user) else [],
        "cards": _cards(user),
    }


def _cards(user: AnyUser) -> list[dict[str, Any]]:
    """Return what other rooms say, one card each."""
    cards = []
    for panel in panels.dashboard_panels.values():
        if panel.is_for is not None and not panel.is_for(user):
            continue
        content = panel.context(user)
        if content:
            cards.append({"panel": panel, "content": content})
    return cards
