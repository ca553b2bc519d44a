"""Instances out of a WADO-RS answer: each part to a spool file of its own, as it comes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from django.conf import settings
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from archive.errors import PeerError, PeerUnreachableError
from archive.ingest.spooling import open_spool, write_within

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

    from archive.storage.types import SpoolFile

_READ_BYTES = 256 * 1024
_MAX_HEADER_BYTES = 16 * 1024


def receive_instances(answer: HTTPResponse, on_instance: Callable[[SpoolFile], None]) -> int:
    """Hand over each instance of an answer.

    Parameters
    ----------
    answer
        with a status of success
    on_instance
        is given the spool file, which is closed when it returns

    Returns
    -------
    how many there were

    Raises
    ------
    PeerError
        The answer is neither instances nor a multipart of them, or breaks off.
    LimitExceededError
        One of them is larger than the archive takes.
    """
    kind, options = parse_options_header(answer.headers.get("Content-Type", ""))
    with ExitStack() as stack:
        parts = _Parts(on_instance, stack)
        if kind == b"application/dicom":
            parts.begin()
            while data := answer.read(_READ_BYTES):
                parts.write(data)
            parts.end()
        elif kind == b"multipart/related" and options.get(b"boundary"):
            _parse(answer, options[b"boundary"], parts)
        else:
            raise PeerError("The peer answers with something other than DICOM.", code="peer-answer")
    return parts.count


def _parse(answer: HTTPResponse, boundary: bytes, parts: _Parts) -> None:
    callbacks: Any = {
        "on_part_begin": parts.begin,
        "on_part_data": lambda data, start, end: parts.write(data[start:end]),
        "on_part_end": parts.end,
        "on_end": parts.finish,
    }
    try:
        parser = MultipartParser(
            boundary, callbacks, max_header_size=_MAX_HEADER_BYTES, max_header_count=16
        )
        while data := answer.read(_READ_BYTES):
            parser.write(data)
    except FormParserError as error:
        raise PeerError("The peer's answer is no multipart.", code="peer-answer") from error
    if not parts.is_finished:
        raise PeerUnreachableError("The peer's answer broke off.")


class _Parts:
    """The part that is being received."""

    def __init__(self, on_instance: Callable[[SpoolFile], None], stack: ExitStack) -> None:
        self.count = 0
        self.is_finished = False
        self._on_instance = on_instance
        self._stack = stack
        self._spool: SpoolFile | None = None

    def begin(self) -> None:
        self._spool = self._stack.enter_context(open_spool())

    def write(self, data: bytes) -> None:
        if self._spool is not None:
            write_within(self._spool, data, max_bytes=settings.TWINSIGHT_MAX_INSTANCE_BYTES)

    def end(self) -> None:
        if self._spool is not None:
            self._on_instance(self._spool)
            self.count += 1
        self._stack.close()
        self._spool = None

    def finish(self) -> None:
        self.is_finished = True
