"""The Native DICOM Model in XML, as the DICOM JSON model; no entities, nothing from elsewhere."""

from typing import Any
from xml.parsers import expat

from archive.errors import InvalidRequestError

MAX_DEPTH = 200
_GROUPS = {"Alphabetic", "Ideographic", "Phonetic"}
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NUMBERS = frozenset({"FL", "FD"})
_WHOLE = frozenset(["SL", "SS", "UL", "US", "SV", "UV"])

Attributes = dict[str, str]


def read_native_xml(content: bytes) -> dict[str, Any]:
    """Read one document of the Native DICOM Model.

    Parameters
    ----------
    content : the whole document

    Returns
    -------
    The same data set in the DICOM JSON model

    Raises
    ------
    InvalidRequestError
        It is not well formed, has a document type, or is of another model.

    References
    ----------
    DICOM PS3.19 annex A.1
    """
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(content, True)  # noqa: FBT003 expat's own argument
    except expat.ExpatError as error:
        raise _malformed(f"is not well formed ({expat.ErrorString(error.code)})") from error
    except (KeyError, IndexError, ValueError) as error:
        raise _malformed("is not of the Native DICOM Model") from error
    return builder.document


def _refuse_document_type(*_arguments: object) -> None:
    raise _malformed("has a document type")


def _malformed(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The XML {what}.", code="malformed-metadata")


class _Builder:
    """Keeps the open data sets and attributes while the parser walks the document."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self._datasets: list[dict[str, Any]] = []
        self._elements: list[dict[str, Any]] = []
        self._name: dict[str, list[str]] = {}
        self._group = ""
        self._texts: list[str] = []
        self._depth = 0

    def start(self, qualified: str, attributes: Attributes) -> None:
        name = qualified.rpartition("}")[2]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _malformed("is nested too deep")
        self._texts = []
        if name == "NativeDicomModel":
            self._datasets.append(self.document)
        elif name == "DicomAttribute":
            element: dict[str, Any] = {"vr": attributes["vr"]}
            self._datasets[-1][_tag_of(attributes, self._datasets[-1])] = element
            self._elements.append(element)
        elif name == "Item":
            item: dict[str, Any] = {}
            self._elements[-1].setdefault("Value", []).append(item)
            self._datasets.append(item)
        elif name == "PersonName":
            self._name = {}
        elif name in _GROUPS:
            self._group = name
            self._name[name] = [""] * len(_NAME_PARTS)
        elif name == "BulkData":
            self._elements[-1]["BulkDataURI"] = attributes.get("uri") or attributes["uuid"]

    def text(self, data: str) -> None:
        self._texts.append(data)

    def end(self, qualified: str) -> None:
        name = qualified.rpartition("}")[2]
        self._depth -= 1
        text = "".join(self._texts)
        self._texts = []
        if name in {"NativeDicomModel", "Item"}:
            self._datasets.pop()
        elif name == "DicomAttribute":
            self._elements.pop()
        elif name == "Value":
            element = self._elements[-1]
            element.setdefault("Value", []).append(_value(element["vr"], text))
        elif name == "InlineBinary":
            self._elements[-1]["InlineBinary"] = "".join(text.split())
        elif name in _NAME_PARTS:
            self._name[self._group][_NAME_PARTS.index(name)] = text
        elif name == "PersonName":
            groups = {group: "^".join(parts).rstrip("^") for group, parts in self._name.items()}
            self._elements[-1].setdefault("Value", []).append(groups)


def _tag_of(attributes: Attributes, dataset: dict[str, Any]) -> str:
    """Return where an attribute goes: a private one into its creator's block, reserved if need be.

    Its tag is written without the block's number (PS3.19 A.1.6).
    """
    tag, creator = attributes["tag"].upper(), attributes.get("privateCreator")
    if not creator or tag[4:6] != "00":
        return tag
    for block in range(0x10, 0x100):
        reservation = dataset.setdefault(
            f"{tag[:4]}00{block:02X}", {"vr": "LO", "Value": [creator]}
        )
        if reservation.get("Value") == [creator]:
            return f"{tag[:4]}{block:02X}{tag[6:]}"
    raise _malformed("has too many private creators")


def _value(vr: str, text: str) -> Any:
    if not text:
        return None
    if vr in _NUMBERS:
        return float(text)
    return int(text) if vr in _WHOLE else text
