"""WADO-RS metadata (PS3.18 10.4.1.1.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.http import HttpResponse, StreamingHttpResponse

from archive.dicomweb.media_types import DICOM_JSON, JSON, Offer
from archive.dicomweb.renderers import protected
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view, not_modified
from archive.retrieve.metadata import METADATA_VERSION, metadata_documents, metadata_keys
from archive.retrieve.trail import note_access

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_OFFERS = (Offer(DICOM_JSON), Offer(JSON))
# Up to here an answer is put together before it is sent, some 10 MB at most.
_WHOLE_INSTANCES = 1000


@dicomweb_view("GET")
def metadata(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """Give the metadata of a study's, a series' or one instance."""
    agreed(request, _OFFERS)
    keys = metadata_keys(
        request.user,
        study_instance_uid=study,
        series_instance_uid=series,
        sop_instance_uid=instance,
    )
    note_access(request.asker, study, "metadata")  # type: ignore[attr-defined]
    base = base_url(request)
    etag = _etag(keys, base)
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    stream = _json_list(metadata_documents(keys, base))
    response: HttpResponse | StreamingHttpResponse
    if len(keys) <= _WHOLE_INSTANCES:
        response = HttpResponse(b"".join(stream), content_type=DICOM_JSON)
    else:
        response = StreamingHttpResponse(stream, content_type=DICOM_JSON)
    response.headers["ETag"] = etag
    return protected(response)


def _etag(keys: Iterable[int], base: str) -> str:
    text = f"{METADATA_VERSION} {base} {','.join(map(str, keys))}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _json_list(documents: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"["
    for document in documents:
        yield separator + document
        separator = b","
    yield b"[]" if separator == b"[" else b"]"
