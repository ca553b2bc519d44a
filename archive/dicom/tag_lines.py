"""A data set as lines for people: every attribute, nested ones too, named and cut to size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_description, dictionary_keyword
from pydicom.datadict import private_dictionary_description as private_description
from pydicom.dataset import Dataset

from archive.dicom.dicom_json import dataset_to_json

MAX_LINES = 3000
MAX_TEXT = 256
_MAX_DEPTH = 16
_MAX_ITEMS = 50
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


@dataclass(frozen=True, slots=True)
class TagLine:
    """One attribute, or the head of an item of a sequence.

    ``tag`` is empty for an item; ``path`` names the place of the line in the object.
    """

    depth: int
    path: str
    tag: str
    vr: str
    name: str
    keyword: str
    value: str
    is_cut: bool = False
    is_private: bool = False


def tag_lines(ds: Dataset, *, most: int = MAX_LINES) -> list[TagLine]:
    """List the attributes of a data set in their order.

    Parameters
    ----------
    ds : without its pixel data, or with it: binary values are told by their size alone
    most : lines at most

    Returns
    -------
    Lines, those of sequences behind their own; private attributes are named where known
    """
    document = dataset_to_json(ds, bulk_data_uri=lambda path: path)
    lines: list[TagLine] = []
    for line in _lines(document, "", 0):
        if len(lines) == most:
            break
        lines.append(line)
    return lines


def matching_lines(lines: list[TagLine], text: str) -> list[TagLine]:
    """Keep the lines that hold all words of a text, with the lines that they lie under.

    Parameters
    ----------
    lines : from `tag_lines`
    text : words that are looked for in tag, name, keyword and value, whatever their case
    """
    words = text.casefold().split()
    if not words:
        return lines
    kept: dict[str, TagLine] = {}
    above: list[TagLine] = []
    for line in lines:
        del above[line.depth :]
        said = f"{line.tag} {line.tag.replace(',', '')} {line.name} {line.keyword} {line.value}"
        if all(word in said.casefold() for word in words):
            kept |= {parent.path: parent for parent in above}
            kept[line.path] = line
        above.append(line)
    return list(kept.values())


def _lines(document: dict[str, Any], place: str, depth: int) -> Iterator[TagLine]:
    creators = _private_creators(document)
    for tag, element in document.items():
        line = _line(tag, element, f"{place}/{tag}", depth, creators)
        yield line
        if element["vr"] != "SQ" or depth >= _MAX_DEPTH:
            continue
        items = element.get("Value", [])
        for number, item in enumerate(items[:_MAX_ITEMS], start=1):
            path = f"{line.path}/{number}"
            yield TagLine(depth + 1, path, "", "", f"{number} / {len(items)}", "", "")
            yield from _lines(item, path, depth + 2)


def _line(
    tag: str, element: dict[str, Any], path: str, depth: int, creators: dict[str, str]
) -> TagLine:
    number = int(tag, 16)
    is_private = bool(number >> 16 & 1)
    value = _value(element)
    name, keyword = _private_name(tag, creators) if is_private else _public_name(number)
    return TagLine(
        depth=depth,
        path=path,
        tag=f"{tag[:4]},{tag[4:]}",
        vr=element["vr"],
        name=name,
        keyword=keyword,
        value=value[:MAX_TEXT],
        is_cut=len(value) > MAX_TEXT,
        is_private=is_private,
    )


def _value(element: dict[str, Any]) -> str:
    vr, values = element["vr"], element.get("Value")
    if vr == "SQ":
        return ""
    if "BulkDataURI" in element:
        return "\N{HORIZONTAL ELLIPSIS}"
    if "InlineBinary" in element:
        text = element["InlineBinary"]
        return f"{len(text) * 3 // 4 - text[-2:].count('=')} B"
    texts = (_text(value) for value in (values or [])[: MAX_TEXT + 1])
    return " \N{REVERSE SOLIDUS} ".join(texts)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " = ".join(str(part) for part in value.values())
    return "" if value is None else str(value)


def _public_name(number: int) -> tuple[str, str]:
    try:
        return dictionary_description(number), dictionary_keyword(number)
    except KeyError:
        return "", ""


def _private_creators(document: dict[str, Any]) -> dict[str, str]:
    """Return the creators of private blocks by group and block (PS3.5 7.8.1)."""
    creators = {}
    for tag, element in document.items():
        is_creator = int(tag[:4], 16) & 1 and tag[4:6] == "00" and int(tag[6:], 16) >= 0x10
        values = element.get("Value")
        if is_creator and values:
            creators[tag[:4] + tag[6:]] = str(values[0])
    return creators


def _private_name(tag: str, creators: dict[str, str]) -> tuple[str, str]:
    if tag[4:6] == "00":
        return "Private Creator", ""
    creator = creators.get(tag[:6], "")
    try:
        known = private_description(int(tag, 16), creator) if creator else ""
    except KeyError:
        known = ""
    return f"{creator}: {known}" if known else creator, ""
