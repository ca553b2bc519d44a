"""Data sets as XML of the Native DICOM Model, from the DICOM JSON model."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape  # only written  # nosec B406

from pydicom.datadict import keyword_for_tag

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
)
_TAIL = "</NativeDicomModel>"
# What XML 1.0 has no way to write, not even as a reference.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_TEXT_ESCAPES = {"\r": "&#13;"}
_ATTRIBUTE_ESCAPES = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def json_to_xml(document: Mapping[str, Any]) -> bytes:
    """Write a data set of the DICOM JSON model as an XML document.

    Parameters
    ----------
    document : attributes by tag, as `archive.dicom.dicom_json.dataset_to_json` gives them

    Returns
    -------
    The document in UTF-8; characters that XML can't hold are left out

    References
    ----------
    DICOM PS3.19 annex A.1
    """
    return "".join((_HEAD, *_attributes(document), _TAIL)).encode()


def _attributes(document: Mapping[str, Any]) -> Iterator[str]:
    for tag, element in document.items():
        yield f'<DicomAttribute tag="{tag}" vr="{element["vr"]}"{_names(tag, document)}>'
        yield from _content(element)
        yield "</DicomAttribute>"


def _names(tag: str, document: Mapping[str, Any]) -> str:
    number = int(tag, 16)
    if number & 0x10000:
        creator = _private_creator(number, document)
        return f' privateCreator="{_attribute_text(creator)}"' if creator else ""
    keyword = keyword_for_tag(number)
    return f' keyword="{keyword}"' if keyword else ""


def _private_creator(tag: int, document: Mapping[str, Any]) -> str:
    """Return who reserved the block of a private element, empty for the reservation itself."""
    block = (tag & 0xFFFF) >> 8
    if not 0x10 <= block <= 0xFF:
        return ""
    values = document.get(f"{tag >> 16:04X}{block:04X}", {}).get("Value") or [""]
    return str(values[0] or "")


def _content(element: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f'<BulkData uri="{_attribute_text(element["BulkDataURI"])}"/>'
    elif "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    else:
        vr = element["vr"]
        for number, value in enumerate(element.get("Value", ()), start=1):
            if vr == "SQ":
                yield f'<Item number="{number}">'
                yield from _attributes(value or {})
                yield "</Item>"
            elif value is not None:
                yield from _name(number, value) if vr == "PN" else _value(number, value)


def _value(number: int, value: Any) -> Iterator[str]:
    yield f'<Value number="{number}">{_text(str(value))}</Value>'


def _name(number: int, value: Any) -> Iterator[str]:
    yield f'<PersonName number="{number}">'
    for group in _GROUPS:
        text = value.get(group, "")
        if text:
            yield f"<{group}>"
            for component, part in zip(_COMPONENTS, text.split("^"), strict=False):
                if part:
                    yield f"<{component}>{_text(part)}</{component}>"
            yield f"</{group}>"
    yield "</PersonName>"


def _text(text: str) -> str:
    return escape(_UNWRITABLE.sub("", text), _TEXT_ESCAPES)


def _attribute_text(text: str) -> str:
    return escape(_UNWRITABLE.sub("", text), _ATTRIBUTE_ESCAPES)
