"""A search's answers as DICOM JSON and XML (PS3.18 10.6.3, annex F; PS3.19 annex A)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from archive.dicom.native_xml import json_to_xml
from archive.dicomweb.media_types import DICOM_XML
from archive.query.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from archive.query.attributes import Attribute
    from archive.query.types import Page

    Writer = Callable[[Any], str]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_SEQUENCE_VRS = {
    "ScheduledProcedureStepID": ("00400009", "SH"),
    "RequestedProcedureID": ("00401001", "SH"),
    "AccessionNumber": ("00080050", "SH"),
}
FUZZY_REFUSED = (
    "The fuzzymatching parameter is not supported. Only literal matching has been performed."
)
_RETRIEVE_URL = 0x00081190
_UTF_8 = '"00080005":{"vr":"CS","Value":["ISO_IR 192"]},'


def json_rows(page: Page, base_url: str) -> list[str]:
    """Write each answer as one DICOM JSON object.

    Text is put together directly: building the same as dictionaries first takes several times
    longer, and lists of thousands of instances are what viewers wait for.
    """
    before, after = _writers(page.attributes)
    count, base = len(page.attributes), _quoted(f"{base_url}/studies/")[:-1]
    prefix = f'"00081190":{{"vr":"UR","Value":[{base}'
    split = len(before)
    rows = []
    for row in page.rows:
        parts = [write(value) for write, value in zip(before, row, strict=False)]
        parts.append(f'{prefix}{_path(row[count:])}"]}},')
        parts += [write(value) for write, value in zip(after, row[split:], strict=False)]
        text = "".join(parts)[:-1]
        # The first tag of all, and needed only where there is more than ASCII.
        rows.append(f"{{{text}}}" if text.isascii() else f"{{{_UTF_8}{text}}}")
    return rows


def _path(uids: Sequence[str]) -> str:
    if len(uids) == 1:
        return uids[0]
    if len(uids) == 2:
        return f"{uids[0]}/series/{uids[1]}"
    return f"{uids[0]}/series/{uids[1]}/instances/{uids[2]}"


@lru_cache(maxsize=512)
def _writers(attributes: tuple[Attribute, ...]) -> tuple[list[Writer], list[Writer]]:
    """Return what writes each value, of tags before and behind the Retrieve URL."""
    before = [_writer(each) for each in attributes if each.tag < _RETRIEVE_URL]
    return before, [_writer(each) for each in attributes if each.tag > _RETRIEVE_URL]


def _writer(attribute: Attribute) -> Writer:
    head = f'"{attribute.tag_hex}":{{"vr":"{attribute.vr}"'
    filled, empty = f'{head},"Value":[', "" if attribute.is_optional else f"{head}}},"
    one = _WRITERS.get(attribute.kind, _quoted)

    def write(value: Any) -> str:
        return f"{filled}{one(value)}]}}," if value or value == 0 else empty

    return write


def _plain(value: str) -> str:
    return f'"{value}"'


def _name(text: str) -> str:
    if "=" not in text:
        return f'{{"Alphabetic":{_quoted(text)}}}'
    groups = zip(_NAME_GROUPS, text.split("="), strict=False)
    return _encode({name: group for name, group in groups if group})


def _values(values: list[str]) -> str:
    return _encode(values)[1:-1]


def _items(text: str) -> str:
    return _encode([_item(item) for item in json.loads(text)])[1:-1]


def _item(item: dict[str, str]) -> dict[str, Any]:
    elements = {}
    for keyword, value in item.items():
        if keyword in _SEQUENCE_VRS:
            tag, vr = _SEQUENCE_VRS[keyword]
            elements[tag] = {"vr": vr, "Value": [value]}
    return dict(sorted(elements.items()))


_WRITERS: dict[Kind, Writer] = {
    # UIDs, dates and times hold nothing that JSON would escape.
    Kind.UID: _plain,
    Kind.DATE: _plain,
    Kind.TIME: _plain,
    Kind.CONSTANT: _plain,
    Kind.INTEGER: str,
    Kind.NAME: _name,
    Kind.TEXTS: _values,
    Kind.REQUEST: _items,
}


def merge_stored(rows: list[str], page: Page, documents: Iterable[bytes]) -> list[str]:
    """Add what only the stored objects know to answers; what the index knows stands."""
    fields = page.stored
    if fields is None:
        return rows
    parsed = (json.loads(document) for document in documents)
    by_uid = {document["00080018"]["Value"][0]: document for document in parsed}
    merged = []
    for text, representative in zip(rows, page.representatives, strict=True):
        document = by_uid.get(representative[1]) if representative else None
        if document is not None:
            answer = {**fields.pick(document), **json.loads(text)}
            text = _encode(dict(sorted(answer.items())))  # noqa: PLW2901 the same, longer
        merged.append(text)
    return merged


def xml_parts(rows: list[str]) -> Iterator[tuple[str, list[bytes]]]:
    """Write each answer as one XML document, a part of its own."""
    for text in rows:
        yield DICOM_XML, [json_to_xml(json.loads(text))]


def page_warnings(page: Page) -> list[str]:
    """Say what a search left out (PS3.18 8.3.4.2 and 8.3.4.4)."""
    texts = []
    if page.is_fuzzy_refused:
        texts.append(FUZZY_REFUSED)
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
