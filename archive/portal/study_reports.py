"""Reports and documents of a study, read in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.errors import LimitExceededError, NotAcceptableError
from archive.portal.statuses import speaks_html
from archive.portal.study_head import study_head
from archive.query.study_overview import study_overview
from archive.retrieve.reports import document_page, documents_of_series
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from django.http import HttpRequest

_MAX_INDENT = 8


@require_safe
@speaks_html
def series_report(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponse:
    """Show what a series of documents says; htmx and frames of the viewer get the text alone."""
    overview = study_overview(request.user, study_uid)
    documents = documents_of_series(request.user, study_uid, series_uid)
    note_access(asker_of(request), study_uid, "report")
    context = {
        "documents": documents,
        "study_uid": study_uid,
        "series_uid": series_uid,
        "most_indent": _MAX_INDENT,
    }
    if request.headers.get("HX-Request"):
        return render(request, "portal/_report.html", context)
    framed = request.GET.get("framed")
    if framed is not None:
        context["documents"] = [one for one in documents if one.instance_uid == framed]
        if not context["documents"]:
            raise Http404("The series has no such document.")
        response = render(request, "portal/study_report_framed.html", context)
        # OHIF's page is isolated, and frames nothing that is not.
        response["Cross-Origin-Embedder-Policy"] = "require-corp"
        return response
    context |= study_head(request.user, overview, "images")
    return render(request, "portal/study_report.html", context)


@require_safe
@speaks_html
def report_page(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, page: int
) -> HttpResponse:
    """Give a page of an encapsulated PDF as a picture: no document reaches the browser."""
    try:
        content = document_page(request.user, study_uid, series_uid, instance_uid, page)
    except (NotAcceptableError, LimitExceededError) as error:
        raise Http404(error.message) from error
    note_access(asker_of(request), study_uid, "report")
    response = HttpResponse(content, content_type="image/png")
    response["Cache-Control"] = "private, max-age=300"
    return response
