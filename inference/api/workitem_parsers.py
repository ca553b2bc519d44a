"""What requests about workitems say: data sets, matching keys, Transaction UIDs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from rest_framework.parsers import BaseParser

from archive.api.parsers import BoundedJsonParser
from archive.dicom.xml_reading import read_native_xml
from archive.errors import InvalidRequestError, LimitExceededError
from inference.workitems.elements import checked_dataset, text_of
from inference.workitems.tags import TRANSACTION_UID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.http import QueryDict
    from rest_framework.request import Request

    from inference.workitems.elements import JsonObject

_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
# As successive editions of the standard spell it.
_TRANSACTIONS = ("transaction-uid", "transaction", "Transaction-uid", "transactionuid")
_COMMON = frozenset({"accept", "charset"})
_FLAGS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_PAGING = frozenset({*_COMMON, *_FLAGS, "includefield", "limit", "offset"})
_MAX_KEYS, _MAX_LENGTH = 50, 512
MOST_RESULTS = 1000


class DicomJsonParser(BoundedJsonParser):
    """DICOM JSON, bounded as other JSON is."""

    media_type = "application/dicom+json"


class DicomXmlParser(BaseParser):
    """The Native DICOM Model, bounded as JSON is."""

    media_type = "application/dicom+xml"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the document's data set in the DICOM JSON model."""
        del media_type, parser_context
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise LimitExceededError(f"The request is larger than the limit of {limit} bytes.")
        return read_native_xml(body)


@dataclass(frozen=True)
class Search:
    """A question to the worklist."""

    keys: JsonObject
    limit: int
    offset: int
    is_fuzzy: bool
    is_full: bool


def parse_search(query: QueryDict) -> Search:
    """Read a search's parameters (PS3.18 8.3.4)."""
    pairs = [(name, value) for name, values in query.lists() for value in values]
    keys = parse_keys(pair for pair in pairs if pair[0].lower() not in _PAGING)
    for field in _fields(query):
        if field != "all":
            _add(keys, field, "", has_value=False)
    return Search(
        keys=keys,
        limit=min(_number(query, "limit", MOST_RESULTS), MOST_RESULTS),
        offset=_number(query, "offset", 0),
        is_fuzzy=_flag(query, "fuzzymatching"),
        is_full="all" in _fields(query),
    )


def parse_keys(pairs: Iterable[tuple[str, str]]) -> JsonObject:
    """Return matching keys: attributes by keyword, tag or dotted path, and their values."""
    keys: JsonObject = {}
    for count, (name, value) in enumerate(pairs):
        if count >= _MAX_KEYS or len(value) > _MAX_LENGTH or len(name) > _MAX_LENGTH:
            raise InvalidRequestError("The search has too many keys, or too long ones.")
        if "\x00" in value:
            raise InvalidRequestError("A value holds a NUL.")
        _add(keys, name, value, has_value=True)
    return keys


def parse_filter(query: QueryDict) -> JsonObject:
    """Return the keys of a filtered subscription: ``filter=attribute=value,attribute=value``."""
    texts = [part for text in query.getlist("filter") for part in text.split(",") if part]
    pairs = []
    for text in texts:
        name, is_pair, value = text.partition("=")
        if not is_pair:
            raise InvalidRequestError(f"{text[:64]!r} is no attribute=value.")
        pairs.append((name.strip(), value.strip()))
    return parse_keys(pairs)


def parse_body(request: Request) -> JsonObject:
    """Return the data set of a body; an empty one where there is none."""
    length = request._request.META.get("CONTENT_LENGTH") or "0"  # noqa: SLF001 DRF's documented way
    if length == "0" and "HTTP_TRANSFER_ENCODING" not in request._request.META:  # noqa: SLF001
        return {}
    body: Any = request.data
    return checked_dataset(body)


def parse_transaction(request: Request, ds: JsonObject) -> str:
    """Return the Transaction UID out of the address, in any edition's spelling, or the body."""
    query = request.query_params
    text = next((str(query[name]) for name in _TRANSACTIONS if query.get(name)), "")
    # 2019 and after: the bare value of the query string.
    bare = request._request.META.get("QUERY_STRING", "")  # noqa: SLF001 DRF's documented way
    if not text and re.fullmatch(r"[0-9.]{1,64}", bare, re.ASCII):
        text = bare
    return text.strip() or text_of(ds, TRANSACTION_UID)


def parse_workitem_uid(request: Request) -> str:
    """Return the UID that a new workitem is to have, as editions spell it; empty for none."""
    query = request.query_params
    names = ("workitem", "AffectedSOPInstanceUID", "affectedsopinstanceuid")
    text = next((str(query[name]) for name in names if query.get(name)), "")
    bare = request._request.META.get("QUERY_STRING", "")  # noqa: SLF001 as above
    return text or (bare if re.fullmatch(r"[0-9.]{1,64}", bare, re.ASCII) else "")


def _add(keys: JsonObject, name: str, value: str, *, has_value: bool) -> None:
    place = keys
    *outer, last = [_tag(part) for part in name.strip().split(".")]
    for tag in outer:
        held = place.setdefault(tag, {"vr": "SQ", "Value": [{}]})
        if held["vr"] != "SQ" or not held.get("Value"):
            raise InvalidRequestError(f"{name[:64]!r} goes through what is no sequence.")
        place = held["Value"][0]
    vr = dictionary_VR(int(last, 16)).split(" or ")[0]
    held = place.setdefault(last, {"vr": vr})
    if has_value and vr != "SQ":
        held["Value"] = [*held.get("Value", []), *_values(vr, value)]


def _values(vr: str, value: str) -> list[Any]:
    texts = re.split(r"[,\\]", value) if vr == "UI" else value.split("\\")
    texts = [text.strip() for text in texts]
    if vr == "PN":
        groups = ("Alphabetic", "Ideographic", "Phonetic")
        return [dict(zip(groups, text.split("="), strict=False)) for text in texts]
    return list(texts)


def _tag(part: str) -> str:
    number = int(part, 16) if _TAG.fullmatch(part) else tag_for_keyword(part)
    # Groups 0000 and 0002 are of messages and files, not of data sets.
    if number is None or number < 0x00080000 or not dictionary_has_tag(number):
        message = f"{part[:64]!r} is no attribute that workitems are searched by."
        raise InvalidRequestError(message)
    return f"{number:08X}"


def _fields(query: QueryDict) -> list[str]:
    texts = [part.strip() for text in query.getlist("includefield") for part in text.split(",")]
    return [text for text in texts if text][:_MAX_KEYS]


def _flag(query: QueryDict, name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise InvalidRequestError(f"{name} is true or false.")
    return text == "true"


def _number(query: QueryDict, name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequestError(f"{name} is a whole number.")
    return int(text)
