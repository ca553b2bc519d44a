"""Answers: DICOM JSON, multipart/related, and the headers that go with images of people."""

from __future__ import annotations

import json
import secrets
from bisect import insort
from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from http import HTTPStatus

    from archive.ingest.types import IngestResult
    from archive.query.types import Match, Page
    from archive.retrieve.files import OutgoingFile

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)
DICOM_JSON = "application/dicom+json"
# Below this an answer is sent in one piece, which costs the server a third of a stream.
WHOLE_BYTES = 8 * 1024 * 1024
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_quoted = json.encoder.encode_basestring
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_SEQUENCE_VRS = {
    "ScheduledProcedureStepID": ("00400009", "SH"),
    "RequestedProcedureID": ("00401001", "SH"),
    "AccessionNumber": ("00080050", "SH"),
}


def render_page(page: Page, base_url: str) -> bytes:
    """Write a search's answers as DICOM JSON (PS3.18 annex F).

    Text is put together directly: building the same as dictionaries first takes several times
    longer, and lists of thousands of instances are what viewers wait for.
    """
    return f"[{','.join(_row(match, base_url) for match in page.matches)}]".encode()


def _row(match: Match, base_url: str) -> str:
    elements = [
        (attribute.tag_hex, _element_text(attribute.vr, values))
        for attribute, values in match.values
    ]
    url = json.dumps(retrieve_url(base_url, match))
    insort(elements, ("00081190", f'{{"vr":"UR","Value":[{url}]}}'))
    text = ",".join([f'"{tag}":{element}' for tag, element in elements])
    if text.isascii():
        return f"{{{text}}}"
    # The first tag of all, and needed only where there is more than ASCII.
    return f'{{"00080005":{{"vr":"CS","Value":["ISO_IR 192"]}},{text}}}'


def _element_text(vr: str, values: tuple[Any, ...]) -> str:
    if not values:
        return f'{{"vr":"{vr}"}}'
    if vr == "PN":
        values = tuple(_name(value) for value in values)
    elif vr == "SQ":
        values = tuple(_item(item) for item in values)
    elif len(values) == 1:
        value = values[0]
        text = str(value) if isinstance(value, int) else _quoted(value)
        return f'{{"vr":"{vr}","Value":[{text}]}}'
    return f'{{"vr":"{vr}","Value":{_encoder.encode(values)}}}'


def retrieve_url(base_url: str, match: Match) -> str:
    """Return where the matched object is retrieved."""
    url = f"{base_url}/studies/{match.study_instance_uid}"
    if match.series_instance_uid:
        url += f"/series/{match.series_instance_uid}"
    return f"{url}/instances/{match.sop_instance_uid}" if match.sop_instance_uid else url


def _name(text: str) -> dict[str, str]:
    groups = zip(_NAME_GROUPS, text.split("="), strict=False)
    return {name: group for name, group in groups if group}


def _item(item: dict[str, str]) -> dict[str, Any]:
    elements = {}
    for keyword, value in item.items():
        if keyword in _SEQUENCE_VRS:
            tag, vr = _SEQUENCE_VRS[keyword]
            elements[tag] = {"vr": vr, "Value": [value]}
    return dict(sorted(elements.items()))


def page_warnings(page: Page) -> list[str]:
    """Say what a search left out (PS3.18 8.3.4)."""
    texts = []
    if page.remaining:
        least = "" if page.is_remaining_exact else "at least "
        texts.append(f"There are {least}{page.remaining} additional results that can be requested")
    if page.unsupported:
        # Header values are ASCII without control characters, whatever the keys were.
        names = "".join(
            char if char.isascii() and char.isprintable() and char not in '"\\' else "?"
            for char in ", ".join(page.unsupported)
        )
        texts.append(f"These keys are not supported and were not matched: {names[:500]}")
    return texts


def dicom_json_response(content: bytes, status: HTTPStatus | int = 200) -> HttpResponse:
    """Answer with DICOM JSON."""
    return protected(HttpResponse(content, status=int(status), content_type=DICOM_JSON))


def protected(response: ResponseT) -> ResponseT:
    """Add the headers of everything that shows a patient: never sniffed, never shared."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept, Authorization, Cookie"
    return response


def multipart_response(
    parts: Iterable[tuple[str, Iterable[bytes]]],
    inner: str,
    *,
    syntax: str = "",
    size_bytes: int | None = None,
) -> HttpResponse | StreamingHttpResponse:
    """Send parts (content type, chunks) as multipart/related (RFC 2387).

    Streamed, unless ``size_bytes`` says that they are few bytes together.
    """
    boundary = f"twinsight-{secrets.token_hex(16)}"
    content_type = f'multipart/related; type="{inner}"; boundary={boundary}'
    if syntax:
        content_type += f"; transfer-syntax={syntax}"
    stream = _multipart(parts, boundary.encode())
    if size_bytes is not None and size_bytes <= WHOLE_BYTES:
        return protected(HttpResponse(b"".join(stream), content_type=content_type))
    return protected(StreamingHttpResponse(stream, content_type=content_type))


def _multipart(parts: Iterable[tuple[str, Iterable[bytes]]], boundary: bytes) -> Iterator[bytes]:
    for content_type, chunks in parts:
        head = b"--%b\r\nContent-Type: %b\r\n\r\n" % (boundary, content_type.encode("ascii"))
        for chunk in chunks:
            # The part's head travels with its first bytes: fewer, larger writes.
            yield head + chunk if head else chunk
            head = b""
        yield head + b"\r\n"
    yield b"--%b--\r\n" % boundary


def file_response(file: OutgoingFile, name: str) -> HttpResponse | StreamingHttpResponse:
    """Send one instance as a single part."""
    content_type = f"application/dicom; transfer-syntax={file.transfer_syntax_uid}"
    response: HttpResponse | StreamingHttpResponse
    if file.size_bytes <= WHOLE_BYTES:
        response = HttpResponse(b"".join(file.chunks), content_type=content_type)
    else:
        response = StreamingHttpResponse(file.chunks, content_type=content_type)
        response.headers["Content-Length"] = str(file.size_bytes)
    # Names are UIDs of the database: digits and dots.
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.dcm"'
    return protected(response)


def render_store(results: Sequence[IngestResult], reasons: Sequence[int], base_url: str) -> bytes:
    """Write a store's results as its response dataset (PS3.18 annex I); reasons of the failed."""
    stored, failed, others = [], [], []
    for result, reason in zip(results, reasons, strict=True):
        if result.is_accepted:
            stored.append(_stored_item(result, base_url))
        elif result.sop_instance_uid and result.sop_class_uid:
            failed.append({**_references(result), "00081197": {"vr": "US", "Value": [reason]}})
        else:
            others.append({"00081197": {"vr": "US", "Value": [reason]}})
    answer: dict[str, Any] = {}
    uids = {result.study_instance_uid for result in results if result.is_accepted}
    if len(uids) == 1:
        answer["00081190"] = {"vr": "UR", "Value": [f"{base_url}/studies/{uids.pop()}"]}
    for tag, items in (("00081198", failed), ("00081199", stored), ("0008119A", others)):
        if items:
            answer[tag] = {"vr": "SQ", "Value": items}
    return json.dumps(answer, separators=(",", ":")).encode()


def _references(result: IngestResult) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [result.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [result.sop_instance_uid]},
    }


def _stored_item(result: IngestResult, base_url: str) -> dict[str, Any]:
    url = (
        f"{base_url}/studies/{result.study_instance_uid}"
        f"/series/{result.series_instance_uid}/instances/{result.sop_instance_uid}"
    )
    return {**_references(result), "00081190": {"vr": "UR", "Value": [url]}}
