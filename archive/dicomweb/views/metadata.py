"""WADO-RS metadata (PS3.18 10.4.1.1.2): JSON, or XML in parts."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.dicom.native_xml import json_to_xml
from archive.dicomweb.compression import compressed
from archive.dicomweb.media_types import DICOM_JSON, DICOM_XML, JSON, MULTIPART, Offer
from archive.dicomweb.renderers import multipart_response, protected
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view, not_modified
from archive.retrieve.metadata import (
    BASE_MARK,
    METADATA_VERSION,
    document_texts,
    stored_metadata,
)
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.retrieve.metadata import StoredMetadata

_OFFERS = (Offer(DICOM_JSON), Offer(JSON), Offer(MULTIPART, DICOM_XML))


@dicomweb_view("GET")
def metadata(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """Give the metadata of a study's, a series' or one instance."""
    choice = agreed(request, _OFFERS)
    rows = stored_metadata(
        request.user,
        study_instance_uid=study,
        series_instance_uid=series,
        sop_instance_uid=instance,
    )
    base = base_url(request)
    etag = _etag(rows, f"{base} {choice.offer.name}")
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    note_access(request.asker, study, "metadata")  # type: ignore[attr-defined]
    texts = document_texts(rows)
    response: HttpResponseBase
    if choice.is_multipart:
        response = multipart_response(_xml_parts(texts, base), DICOM_XML)
    else:
        content = b"[%b]" % b",".join(texts).replace(BASE_MARK, base.encode())
        response = compressed(request, HttpResponse(content, content_type=choice.offer.name))
    response.headers["ETag"] = etag
    return protected(response)


def _etag(rows: Sequence[StoredMetadata], kind: str) -> str:
    text = f"{METADATA_VERSION} {kind} {','.join([row.mark for row in rows])}"
    # Weak, since the same may travel compressed or not (RFC 9110 8.8.3).
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _xml_parts(texts: Sequence[bytes], base: str) -> Iterator[tuple[str, list[bytes]]]:
    for text in texts:
        document = json.loads(text.replace(BASE_MARK, base.encode()))
        yield DICOM_XML, [json_to_xml(document)]
