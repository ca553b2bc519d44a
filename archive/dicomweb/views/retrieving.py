"""WADO-RS: instances and frames (PS3.18 10.4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.dicomweb.media_types import DICOM, MULTIPART, OCTET_STREAM, Choice, Offer
from archive.dicomweb.parsers import parse_frame_numbers
from archive.dicomweb.renderers import file_response, multipart_response, protected
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view, not_modified
from archive.errors import NotAcceptableError
from archive.retrieve.datasets import served_mark
from archive.retrieve.files import (
    available_instances,
    outgoing_file,
    readable_file,
    sendable_instances,
    stored_file_types,
)
from archive.retrieve.frames import (
    check_frame_numbers,
    frame_media_types,
    outgoing_frames,
)
from archive.retrieve.selectors import visible_instance, visible_instances
from archive.retrieve.trail import note_access, note_transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.dicomweb.renderers import Chunk
    from archive.models import Instance
    from archive.retrieve.files import OutgoingFile
    from archive.retrieve.frames import OutgoingFrames

_FILES = (Offer(MULTIPART, DICOM),)
_FILE = (Offer(MULTIPART, DICOM), Offer(DICOM))
_BYTES = (Offer(MULTIPART, OCTET_STREAM), Offer(OCTET_STREAM))


@dicomweb_view("GET")
def retrieve_many(request: HttpRequest, study: str, series: str | None = None) -> HttpResponseBase:
    """Send the instances of a study or series, one file in memory at a time."""
    choice = agreed(request, _FILES)
    found = visible_instances(request.user, study_instance_uid=study, series_instance_uid=series)
    present = available_instances(found)
    instances = sendable_instances(present, choice.transfer_syntaxes)
    first = readable_file(instances[0], choice.transfer_syntaxes)
    told = stored_file_types(instances, choice.transfer_syntaxes)
    sizes = None if told is None else [(_typed(syntax), size) for syntax, size in told]
    note_transfer(request.asker, instances)  # type: ignore[attr-defined]
    files = _files(first, instances[1:], choice.transfer_syntaxes)
    response = multipart_response(files, DICOM, part_sizes=sizes)
    if len(instances) < len(found):
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        missing, unfit = len(found) - len(present), len(present) - len(instances)
        texts = [f"{missing} files are missing"] if missing else []
        if unfit:
            texts.append(f"{unfit} files can not be had in the transfer syntax asked for")
        base = base_url(request)
        response.headers["Warning"] = ", ".join(f'299 {base} "{text}"' for text in texts)
    return response


def _files(
    first: OutgoingFile, others: Iterable[Instance], wanted: Sequence[str]
) -> Iterator[tuple[str, Iterable[Chunk]]]:
    yield _file_type(first), first.chunks
    for instance in others:
        file = readable_file(instance, wanted)
        yield _file_type(file), file.chunks


def _file_type(file: OutgoingFile) -> str:
    return _typed(file.transfer_syntax_uid)


def _typed(transfer_syntax_uid: str) -> str:
    return f"{DICOM}; transfer-syntax={transfer_syntax_uid}"


@dicomweb_view("GET")
def retrieve_instance(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    """Send one instance, as multipart or as a single file."""
    choice = agreed(request, _FILE)
    found = visible_instance(request.user, study, series, instance)
    kind = f"{'-'.join(choice.transfer_syntaxes)}-{choice.offer.name}{served_mark(found)}"
    etag = f'"{found.blob.sha256[:32]}-{kind}"'
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    file = outgoing_file(found, choice.transfer_syntaxes)
    note_transfer(request.asker, [found])  # type: ignore[attr-defined]
    response = (
        multipart_response([(_file_type(file), file.chunks)], DICOM, size_bytes=file.size_bytes)
        if choice.is_multipart
        else file_response(file, found.sop_instance_uid)
    )
    response.headers["ETag"] = etag
    return response


@dicomweb_view("GET")
def frames(
    request: HttpRequest, study: str, series: str, instance: str, numbers: str
) -> HttpResponseBase:
    """Send frames by number, as stored or as plain samples."""
    found = visible_instance(request.user, study, series, instance)
    wanted = parse_frame_numbers(numbers)
    check_frame_numbers(found, wanted)
    choice, syntaxes = agreed_frames(request, found)
    etag = f'"{found.blob.sha256[:32]}-{numbers[:64]}-{hash_text(choice, syntaxes)}"'
    unchanged = not_modified(request, etag)
    if unchanged is not None:
        return unchanged
    outgoing = outgoing_frames(found, wanted, syntaxes)
    note_access(request.asker, study, "frames")  # type: ignore[attr-defined]
    size = found.blob.size_bytes if len(wanted) == 1 else None
    response = frames_response(outgoing, choice, size_bytes=size)
    response.headers["ETag"] = etag
    return response


def hash_text(choice: Choice, syntaxes: Sequence[str]) -> str:
    """Return what tells representations of the same frames apart, fit for an ETag."""
    return f"{choice.offer.inner or choice.offer.name}-{'-'.join(syntaxes)}"


def agreed_frames(request: HttpRequest, instance: Instance) -> tuple[Choice, Sequence[str]]:
    """Agree on octet streams, or on a media type that the frames are or can be compressed in."""
    types = frame_media_types(instance)
    choice = agreed(request, [*_BYTES, *(Offer(MULTIPART, name) for name in types)])
    available = types.get(choice.offer.inner)
    if available is None:
        return choice, choice.transfer_syntaxes
    wanted = choice.transfer_syntaxes or ("*",)
    found = available[:1] if "*" in wanted else [uid for uid in wanted if uid in available]
    if not found:
        listed = ", ".join(available)
        raise NotAcceptableError(f"The frames can be had as {choice.offer.inner} in {listed}.")
    return choice, found[:1]


def frames_response(
    outgoing: OutgoingFrames, choice: Choice, *, size_bytes: int | None
) -> HttpResponseBase:
    """Send frames as agreed; whole where ``size_bytes`` says that they are few bytes."""
    inner = choice.offer.inner or OCTET_STREAM
    part_type = f"{inner}; transfer-syntax={outgoing.transfer_syntax_uid}"
    if not choice.is_multipart:
        content = b"".join(outgoing.frames)
        return _single(content, part_type)
    parts = ((part_type, [frame]) for frame in outgoing.frames)
    return multipart_response(
        parts, inner, syntax=outgoing.transfer_syntax_uid, size_bytes=size_bytes
    )


def _single(content: bytes, content_type: str) -> HttpResponseBase:
    return protected(HttpResponse(content, content_type=content_type))
