"""The page of a study, its panels, and the viewer of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.access.once import reads_once
from archive.audit.services import record_query
from archive.portal import panels
from archive.portal.statuses import speaks_html
from archive.portal.study_head import study_head
from archive.portal.study_timeline import timeline
from archive.portal.viewer import viewer_context
from archive.query.picture_words import pictures_in_words
from archive.query.study_overview import study_overview
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from archive.models.querysets import AnyUser

CINE_SPEEDS = (5, 10, 15, 24, 30, 60)


@require_safe
@speaks_html
@reads_once
def study_detail(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show one study: series, documents, the patient's other studies, panels."""
    overview = study_overview(request.user, study_uid)
    shown = [card.series_uid for card in (*overview.pictures, *overview.results)]
    context = {
        **study_head(request.user, overview, "images"),
        "timeline": timeline(overview),
        "words": pictures_in_words(request.user, shown),
        "panels": [_panel(panel, request.user, study_uid) for panel in panels.ordered_panels()],
    }
    note_access(asker_of(request), study_uid, "study")
    return render(request, "portal/study_detail.html", context)


def _panel(panel: panels.StudyPanel, user: AnyUser, study_uid: str) -> dict[str, Any]:
    """Return a panel with its content; the page asks for that of a lazy one by itself."""
    content: Mapping[str, Any] = {} if panel.is_lazy else panel.context(user, study_uid)
    return {"panel": panel, "content": content, "is_awaited": panel.is_lazy}


@require_safe
@speaks_html
@reads_once
def study_panel(request: HttpRequest, study_uid: str, name: str) -> HttpResponse:
    """Show one panel of a study; its page asks again while the panel is busy."""
    panel = panels.study_panels.get(name)
    if panel is None:
        raise Http404("There is no such panel.")
    content = panel.context(request.user, study_uid)
    if "queried" in content:
        record_query(asker_of(request), what=panel.act, details=dict(content["queried"]))
    context = {"panel": panel, "content": content, "study_uid": study_uid}
    response = render(request, "portal/_study_panel.html", context)
    if not content.get("is_busy") and not panel.is_lazy:
        # What ran may have stored results as series: the page fetches its grids anew.
        response["HX-Trigger"] = "study-settled"
    return response


@require_safe
@speaks_html
@reads_once
def series_view(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponse:
    """Show the frames of a series."""
    context = viewer_context(request.user, study_uid, series_uid)
    context["actions"] = list(panels.case_actions.values())
    context["series_actions"] = [
        (action, action.series_url(series_uid))
        for action in panels.series_actions.values()
        if action.is_for(request.user)
    ]
    context |= panels.marks_context(series_uid)
    context["overlays_url"] = reverse("portal:series-overlays", args=(study_uid, series_uid))
    context |= {"has_crop": True, "has_region": True, "speeds": CINE_SPEEDS}
    note_access(asker_of(request), study_uid, "viewer")
    return render(request, "portal/series_view.html", context)
