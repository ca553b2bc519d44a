"""Objects with what was corrected since they came: values set on the way out, originals beside.

What is stored never changes. An entry says what one correction sets; entries are applied in the
order of their corrections, and one that changes nothing of an object leaves no trace in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from archive.dicom.charsets import repertoire_of

# {"correction": number, "attributes": {tag: DICOM JSON}, "at": ISO 8601 moment, ...}
Entry = Mapping[str, Any]
STUDY_UID = "0020000D"
_CHARACTER_SET = 0x00080005
_ORIGINALS = "04000561"
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def json_element(vr: str, text: str) -> dict[str, Any]:
    """Write one value as DICOM JSON.

    Parameters
    ----------
    vr : its value representation
    text : as DICOM writes it; empty for no value

    References
    ----------
    DICOM PS3.18 F.2.2
    """
    if not text:
        return {"vr": vr}
    if vr == "PN":
        groups = zip(_NAME_GROUPS, text.split("=")[:3], strict=False)
        return {"vr": vr, "Value": [{name: group for name, group in groups if group}]}
    return {"vr": vr, "Value": [int(text) if vr == "IS" else text]}


def element_text(element: Mapping[str, Any]) -> str:
    """Return the values of DICOM JSON as DICOM writes them.

    Parameters
    ----------
    element : of a text value representation
    """
    texts = []
    for value in element.get("Value", ()):
        if isinstance(value, Mapping):
            groups = [str(value.get(name, "")) for name in _NAME_GROUPS]
            texts.append("=".join(groups).rstrip("="))
        else:
            texts.append("" if value is None else str(value))
    return "\\".join(texts)


def in_order(*held: Sequence[Entry]) -> list[Entry]:
    """Bring the entries of a study and of its series into the order of their corrections.

    Parameters
    ----------
    held : each in its own order
    """
    if not any(held):
        return []
    return sorted(
        (entry for entries in held for entry in entries if entry.get("attributes")),
        key=lambda entry: int(entry["correction"]),
    )


def entry_mark(entry: Entry) -> str:
    """Return what tells an entry from others, for ETags.

    Parameters
    ----------
    entry : of a study or series; one that was undone stays where later objects need it
    """
    return f"{entry['correction']}{'u' if entry.get('is_undone') else ''}"


def with_corrections(ds: Dataset, entries: Sequence[Entry], system: str) -> Dataset:
    """Put in the corrected values, and say what they were.

    Parameters
    ----------
    ds : as it is served without the corrections; it is changed
    entries : from `in_order`
    system : who corrected

    Returns
    -------
    The same data set, in UTF-8 where its own characters can't say what was corrected

    References
    ----------
    DICOM PS3.3 C.12.1.1.9
    """
    for entry in entries:
        changed = {tag: text for tag, text in _texts(entry) if text != _text_in(ds, tag)}
        if not changed:
            continue
        if not all(_is_writable(ds, text) for text in changed.values()):
            ds.decode()
            ds.SpecificCharacterSet = "ISO_IR 192"
        previous = Dataset()
        for tag, text in changed.items():
            known = ds.get(tag)
            previous[tag] = _element(tag, "") if known is None else known
            ds[tag] = _element(tag, text)
        item = Dataset()
        item.SourceOfPreviousValues = ""
        item.AttributeModificationDateTime = _moment(entry)
        item.ModifyingSystem = system
        item.ReasonForTheAttributeModification = "CORRECT"
        item.ModifiedAttributesSequence = Items([previous])
        former = ds.get("OriginalAttributesSequence") or []
        ds.OriginalAttributesSequence = Items([*former, item])
    return ds


def changes(ds: Dataset, entries: Sequence[Entry]) -> bool:
    """Whether the corrections change anything of an object.

    Parameters
    ----------
    ds : its header is enough
    entries : from `in_order`
    """
    return any(text != _text_in(ds, tag) for entry in entries for tag, text in _texts(entry))


def corrected_document(
    document: dict[str, Any], entries: Sequence[Entry], system: str
) -> dict[str, Any]:
    """Do the same with an object's DICOM JSON.

    Parameters
    ----------
    document : its attributes by tag; it is changed
    entries : from `in_order`
    system : who corrected

    Returns
    -------
    The attributes in the order of their tags
    """
    for entry in entries:
        changed = {
            tag: element
            for tag, element in entry["attributes"].items()
            if element_text(element) != element_text(document.get(tag, {}))
        }
        if not changed:
            continue
        previous = {tag: document.get(tag, {"vr": new["vr"]}) for tag, new in changed.items()}
        document.update(changed)
        item = {
            "04000550": {"vr": "SQ", "Value": [dict(sorted(previous.items()))]},
            "04000562": {"vr": "DT", "Value": [_moment(entry)]},
            "04000563": {"vr": "LO", "Value": [system]},
            "04000564": {"vr": "LO"},
            "04000565": {"vr": "CS", "Value": ["CORRECT"]},
        }
        former = document.get(_ORIGINALS, {}).get("Value", [])
        document[_ORIGINALS] = {"vr": "SQ", "Value": [*former, item]}
    return dict(sorted(document.items()))


def _texts(entry: Entry) -> list[tuple[int, str]]:
    return [(int(tag, 16), element_text(value)) for tag, value in entry["attributes"].items()]


def _text_in(ds: Dataset, tag: int) -> str:
    element = ds.get(tag)
    value = None if element is None else element.value
    if value is None:
        return ""
    if isinstance(value, str | bytes | int | float) or not hasattr(value, "__iter__"):
        return str(value).strip(" \0")
    # A name is no list, though it can be walked through.
    is_name = element is not None and element.VR == "PN" and hasattr(value, "components")
    return str(value).strip() if is_name else "\\".join(str(part) for part in value)


def _element(tag: int, text: str) -> DataElement:
    vr = dictionary_VR(tag)
    return DataElement(tag, vr, text or None, validation_mode=config.IGNORE)


def _is_writable(ds: Dataset, text: str) -> bool:
    """Whether the data set's own character set holds the text."""
    if text.isascii():
        return True
    stated = _text_in(ds, _CHARACTER_SET).split("\\")
    codec = repertoire_of(stated).stand_alone
    if codec is None and stated == ["ISO_IR 100"]:
        codec = "latin-1"
    try:
        return codec is not None and bool(text.encode(codec))
    except UnicodeEncodeError:
        return False


def _moment(entry: Entry) -> str:
    """Return when it was corrected as DICOM writes it, in UTC."""
    digits = "".join(char for char in str(entry.get("at", ""))[:19] if char.isdigit())
    return f"{digits}.000000+0000"
