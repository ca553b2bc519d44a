"""The DICOM attributes of a study's objects, with search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.errors import ArchiveError, NotVisibleError
from archive.portal.statuses import speaks_html
from archive.portal.study_head import study_head
from archive.query.study_overview import study_overview
from archive.retrieve.tags import object_tags
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_MAX_DIGITS = 6


@require_safe
@speaks_html
def study_tags(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show the attributes of one object; htmx gets the lines alone."""
    overview = study_overview(request.user, study_uid)
    cards = (*overview.pictures, *overview.results)
    chosen = request.GET.get("series", "") or (cards[0].series_uid if cards else "")
    search = request.GET.get("q", "").strip()[:200]
    context: dict[str, Any] = {
        "cards": cards,
        "series_uid": chosen,
        "search": search,
        "study_uid": study_uid,
    }
    note_access(asker_of(request), study_uid, "metadata")
    try:
        context["found"] = object_tags(
            request.user,
            study_uid=study_uid,
            series_uid=chosen,
            instance_uid=request.GET.get("instance", ""),
            place=_place(request.GET.get("at", "")),
            text=search,
        )
    except NotVisibleError:
        if request.GET.get("series") or request.GET.get("instance"):
            raise
    except ArchiveError as error:
        context["problem"] = error.message
    if request.headers.get("HX-Request"):
        return render(request, "portal/_tag_lines.html", context)
    context |= study_head(request.user, overview, "tags")
    return render(request, "portal/study_tags.html", context)


def _place(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else 1
