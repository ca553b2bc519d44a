"""QIDO-RS (PS3.18 10.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.audit.services import record_query
from archive.dicomweb.media_types import DICOM_JSON, JSON, Offer
from archive.dicomweb.parsers import parse_query
from archive.dicomweb.renderers import dicom_json_response, protected
from archive.dicomweb.search_results import page_warnings, render_json
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view
from archive.query.selectors import matches

if TYPE_CHECKING:
    from django.http import HttpRequest

    from archive.query.types import Level

_OFFERS = (Offer(DICOM_JSON), Offer(JSON))


@dicomweb_view("GET")
def search(
    request: HttpRequest, level: Level, study: str | None = None, series: str | None = None
) -> HttpResponse:
    """Search studies, series or instances, under a parent or all."""
    agreed(request, _OFFERS)
    query = parse_query(request.GET, level, study_instance_uid=study, series_instance_uid=series)
    page = matches(user=request.user, query=query)
    names = sorted({key.keyword for key in query.keys})
    record_query(
        request.asker,  # type: ignore[attr-defined]
        what=f"search-{level.name.lower()}",
        details={"keys": names[:50], "results": len(page.rows)},
    )
    base = base_url(request)
    if page.rows:
        response = dicom_json_response(render_json(page, base))
    else:
        response = protected(HttpResponse(status=204))
    warnings = page_warnings(page)
    if warnings:
        response.headers["Warning"] = ", ".join(f"299 {base}: {text}" for text in warnings)
    if page.total is not None:
        response.headers["X-Total-Count"] = str(page.total)
    return response
