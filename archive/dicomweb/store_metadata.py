"""Instances sent as metadata (DICOM JSON, native XML) and bulk data: put together part by part."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from archive.dicom.assembling import BulkValue, part10_chunks
from archive.dicom.codestreams import JPEG_LOSSLESS, inspect_codestream
from archive.dicom.json_reading import read_dicom_json
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE
from archive.dicom.xml_reading import read_native_xml
from archive.dicomweb.media_types import (
    DICOM_JSON,
    DICOM_XML,
    JSON,
    OCTET_STREAM,
    parse_media_type,
)
from archive.errors import InvalidRequestError, LimitExceededError
from archive.ingest.spooling import CHUNK_BYTES, open_spool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from archive.dicomweb.media_types import MediaType
    from archive.storage.types import SpoolFile

# What is parsed is held in memory; bulk data never is, but for values inside sequences.
MAX_METADATA_BYTES = 32 * 1024 * 1024
MAX_NESTED_BYTES = 16 * 1024 * 1024
_METADATA_TYPES = {DICOM_JSON: {DICOM_JSON, JSON}, DICOM_XML: {DICOM_XML}}
_PIXEL_DATA, _AVAILABLE_SYNTAX = 0x7FE00010, 0x00083002
# PS3.18 table 8.7.3-5: what a media type means without its transfer-syntax parameter.
_SYNTAX_OF_MEDIA = {
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "video/mpeg": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
}
_JPEG_BASELINE, _JPEG_EXTENDED, _JPEG_LOSSLESS = (
    f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 70)
)
Part = tuple[dict[str, str], "Iterable[bytes]"]


@dataclass(frozen=True)
class _Bulk:
    """Where a part lies in the spool file, and what it is."""

    offset: int
    size: int
    media_type: MediaType


@dataclass(frozen=True)
class SentInstance:
    """An instance as it is named, and its file; reading that may find it to be impossible."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    chunks: Iterable[bytes]


class MetadataBody:
    """A request's metadata and bulk data; bulk data wait in one file on the disk.

    Parameters
    ----------
    kind
        ``application/dicom+json`` or ``application/dicom+xml``
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._documents: list[dict[str, Any]] = []
        self._metadata_bytes = 0
        self._bulk: dict[str, list[_Bulk]] = {}
        self._resources = ExitStack()
        self._spool: SpoolFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    def take(self, parts: Iterable[Part]) -> None:
        """Read all parts: bulk data may come in any order.

        Raises
        ------
        InvalidRequestError
            A part is malformed, or can't be told apart from the others.
        LimitExceededError
            The metadata are larger than the archive takes at once.
        """
        for number, (headers, content) in enumerate(parts, start=1):
            media_type = parse_media_type(headers.get("content-type", self._kind))
            location = headers.get("content-location", "").strip()
            if media_type.name in _METADATA_TYPES[self._kind]:
                self._documents += self._parsed(content)
            elif location:
                self._keep(location, media_type, content)
            else:
                message = f"Part {number} is bulk data without a Content-Location."
                raise InvalidRequestError(message)

    def instances(self) -> Iterator[SentInstance]:
        """Yield each instance of the metadata, in their order."""
        for document in self._documents:
            yield SentInstance(
                sop_class_uid=_first_text(document, "00080016"),
                sop_instance_uid=_first_text(document, "00080018"),
                study_instance_uid=_first_text(document, "0020000D"),
                chunks=self._file(document),
            )

    def _parsed(self, content: Iterable[bytes]) -> list[dict[str, Any]]:
        collected = bytearray()
        for chunk in content:
            self._metadata_bytes += len(chunk)
            if self._metadata_bytes > MAX_METADATA_BYTES:
                message = f"The metadata of a request hold at most {MAX_METADATA_BYTES} bytes."
                raise LimitExceededError(message)
            collected += chunk
        if self._kind == DICOM_XML:
            return [read_native_xml(bytes(collected))]
        try:
            found = json.loads(collected, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError("The metadata are no well-formed JSON.") from error
        documents = found if isinstance(found, list) else [found]
        if not all(isinstance(document, dict) for document in documents):
            raise InvalidRequestError("The metadata are a list of data sets.")
        return documents

    def _keep(self, location: str, media_type: MediaType, content: Iterable[bytes]) -> None:
        if self._spool is None:
            self._spool = self._resources.enter_context(open_spool())
        offset = self._spool.size
        for chunk in content:
            self._spool.write(chunk)
        size = self._spool.size - offset
        self._bulk.setdefault(location, []).append(_Bulk(offset, size, media_type))

    def _file(self, document: dict[str, Any]) -> Iterator[bytes]:
        read = read_dicom_json(document, self._nested)
        read.ds.pop(_AVAILABLE_SYNTAX, None)
        missing = [uri for _, uri in read.bulk.values() if uri not in self._bulk]
        if missing:
            message = "No part of the request holds the bulk data that its metadata name."
            raise InvalidRequestError(message, code="bulk-data-missing")
        bulk = {
            tag: (vr, [BulkValue(one.size, self._chunks(one)) for one in self._bulk[uri]])
            for tag, (vr, uri) in read.bulk.items()
        }
        yield from part10_chunks(read.ds, bulk, self._transfer_syntax(read.bulk))

    def _transfer_syntax(self, bulk: dict[int, tuple[str, str]]) -> str:
        if _PIXEL_DATA not in bulk:
            return EXPLICIT_LITTLE
        media_type = self._bulk[bulk[_PIXEL_DATA][1]][0].media_type
        stated = media_type.parameters.get("transfer-syntax", "")
        if stated or media_type.name == OCTET_STREAM:
            return stated or EXPLICIT_LITTLE
        if media_type.name == "image/jpeg":
            return self._kind_of_jpeg(self._bulk[bulk[_PIXEL_DATA][1]][0])
        return _SYNTAX_OF_MEDIA.get(media_type.name, EXPLICIT_LITTLE)

    def _kind_of_jpeg(self, part: _Bulk) -> str:
        """Tell the kinds of JPEG apart by the first frame's own header."""
        start = next(iter(self._chunks(part)), b"")
        stream = inspect_codestream(start)
        if stream is None or stream.kind == JPEG_LOSSLESS:
            return _JPEG_LOSSLESS
        return _JPEG_BASELINE if stream.precision == 8 else _JPEG_EXTENDED

    def _nested(self, uri: str) -> bytes:
        parts = self._bulk[uri]
        if sum(part.size for part in parts) > MAX_NESTED_BYTES:
            message = f"A value inside a sequence holds at most {MAX_NESTED_BYTES} bytes."
            raise LimitExceededError(message)
        return b"".join(chunk for part in parts for chunk in self._chunks(part))

    def _chunks(self, part: _Bulk) -> Iterator[bytes]:
        if self._spool is None:
            return
        self._spool.flush()
        with self._spool.path.open("rb") as file:
            file.seek(part.offset)
            left = part.size
            while left and (chunk := file.read(min(left, CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _first_text(document: dict[str, Any], tag: str) -> str:
    element = document.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    text = values[0] if isinstance(values, list) and values else ""
    return text if isinstance(text, str) else ""
