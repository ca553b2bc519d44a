"""QIDO-RS (PS3.18 10.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, StreamingHttpResponse

from archive.audit.services import record_query
from archive.dicomweb.media_types import DICOM_JSON, DICOM_XML, JSON, MULTIPART, Offer
from archive.dicomweb.parsers import parse_query
from archive.dicomweb.renderers import dicom_json_response, multipart_response, protected
from archive.dicomweb.search_results import json_rows, merge_stored, page_warnings, xml_parts
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view
from archive.query.selectors import matches
from archive.query.types import Level
from archive.retrieve.metadata import metadata_documents

if TYPE_CHECKING:
    from django.http import HttpRequest

    from archive.query.types import Page

_ACTS = {
    Level.STUDY: "search-study",
    Level.SERIES: "search-series",
    Level.INSTANCE: "search-instance",
}
_OFFERS = (Offer(DICOM_JSON), Offer(JSON), Offer(MULTIPART, DICOM_XML))


@dicomweb_view("GET")
def search(
    request: HttpRequest, level: Level, study: str | None = None, series: str | None = None
) -> HttpResponse | StreamingHttpResponse:
    """Search studies, series or instances, under a parent or all."""
    choice = agreed(request, _OFFERS)
    query = parse_query(request.GET, level, study_instance_uid=study, series_instance_uid=series)
    page = matches(user=request.user, query=query)
    names = sorted({key.keyword for key in query.keys})
    record_query(
        request.asker,  # type: ignore[attr-defined]
        what=_ACTS[level],
        details={"keys": names[:50], "results": len(page.rows)},
    )
    base = base_url(request)
    response = _answer(page, base, is_xml=choice.is_multipart)
    warnings = page_warnings(page)
    if warnings:
        response.headers["Warning"] = ", ".join(f"299 {base}: {text}" for text in warnings)
    if page.total is not None:
        response.headers["X-Total-Count"] = str(page.total)
    return response


def _answer(page: Page, base: str, *, is_xml: bool) -> HttpResponse | StreamingHttpResponse:
    if not page.rows:
        return protected(HttpResponse(status=204))
    rows = json_rows(page, base)
    if page.stored is not None:
        keys = [found[0] for found in page.representatives if found]
        rows = merge_stored(rows, page, metadata_documents(keys, base))
    if is_xml:
        return multipart_response(xml_parts(rows), DICOM_XML, size_bytes=sum(map(len, rows)))
    return dicom_json_response(f"[{','.join(rows)}]".encode())
