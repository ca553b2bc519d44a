"""The tables of the conformance statement, read out of the code that decides."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom.uid import UID

from archive.dicom.transfer_syntaxes import (
    EXPLICIT_LITTLE,
    HTJ2K_LOSSLESS,
    IMPLICIT_LITTLE,
    JPEG_2000_LOSSLESS,
    JPEG_LS_LOSSLESS,
    RLE,
)
from archive.dicomweb import statuses as web
from archive.dicomweb.capabilities import all_resources
from archive.dimse import contexts
from archive.dimse import statuses as dimse
from archive.errors import ArchiveError
from archive.query.attributes import ATTRIBUTES, Returned
from archive.query.types import Kind, Level
from deploy.conformance.fhir_tables import fhir_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_SERVICES = (
    ("Verification (C-ECHO)", "SCU, SCP", {contexts.VERIFICATION}),
    ("Query (C-FIND)", "SCU, SCP", contexts.QUERY_CLASSES - {contexts.WORKLIST_FIND}),
    ("Modality worklist (C-FIND)", "SCP", {contexts.WORKLIST_FIND}),
    ("Retrieve (C-MOVE)", "SCP", contexts.MOVE_CLASSES),
    ("Retrieve (C-GET)", "SCU, SCP", contexts.GET_CLASSES),
    ("Storage commitment (N-ACTION, N-EVENT-REPORT)", "SCP", {contexts.COMMITMENT}),
)
_MADE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, JPEG_2000_LOSSLESS, JPEG_LS_LOSSLESS, RLE)
_MATCHING = {
    Kind.UID: "list of UIDs",
    Kind.TEXT: "single value, wildcards, regards case",
    Kind.NAME: "wildcards, without regard to case and accents",
    Kind.DATE: "single value, range",
    Kind.TIME: "single value, range",
    Kind.INTEGER: "as a number",
    Kind.TEXTS: "single value, wildcards, any of its values",
    Kind.REQUEST: "sequence",
    Kind.CONSTANT: "not matched",
}
_RETURNED = {
    Returned.ALWAYS: "always",
    Returned.IF_KNOWN: "if known",
    Returned.ON_REQUEST: "on request",
}
_RETRIEVE_STATUSES = (
    (dimse.PENDING, "C-FIND, C-GET, C-MOVE", "one more answer, or sub-operations go on"),
    (dimse.PENDING_WARNING, "C-FIND", "one more answer; optional keys were not matched"),
    (dimse.CANCELLED, "C-FIND, C-GET, C-MOVE", "cancelled by the requestor"),
    (dimse.SOME_FAILED, "C-GET, C-MOVE", "some sub-operations failed"),
    (dimse.UNABLE_TO_COUNT, "C-GET, C-MOVE", "out of resources before the first sub-operation"),
    (dimse.ALL_FAILED, "C-GET, C-MOVE", "out of resources, or every sub-operation failed"),
    (dimse.UNKNOWN_DESTINATION, "C-MOVE", "the destination is not registered for it"),
    (dimse.DATA_SET_MISMATCH, "C-FIND, C-GET, C-MOVE", "the identifier does not match the class"),
    (dimse.UNABLE_TO_PROCESS, "C-FIND, C-GET, C-MOVE", "the identifier can't be understood"),
    (dimse.OUT_OF_RESOURCES, "C-FIND", "out of resources"),
    (dimse.NOT_AUTHORIZED, "C-FIND, C-GET, C-MOVE", "not this peer's right"),
    (dimse.NO_SUCH_ACTION, "N-ACTION", "another action than 1"),
    (dimse.NO_SUCH_INSTANCE, "N-ACTION, commitment", "another instance; an instance not stored"),
    (dimse.INVALID_ARGUMENT, "N-ACTION", "the request names nothing to commit to"),
    (dimse.DUPLICATE_TRANSACTION, "commitment", "the Transaction UID is in use"),
)


def dimse_services() -> str:
    """Services, roles and SOP classes."""
    plain = _syntaxes(contexts.PLAIN)
    rows = [
        (name, role, _names(classes), plain if "ECHO" not in name else "all below")
        for name, role, classes in _SERVICES
    ]
    rows.insert(1, ("Storage (C-STORE)", "SCU, SCP", "all below, private ones", "all below"))
    return _table(("service", "role", "SOP classes", "transfer syntaxes"), rows)


def storage_classes() -> str:
    """Every SOP class that is stored."""
    rows = sorted((UID(uid).name, uid) for uid in contexts.STORAGE_CLASSES)
    return _table(("SOP class", "UID"), rows)


def transfer_syntaxes() -> str:
    """Every transfer syntax that is kept, and which are made on the way out."""
    rows = []
    for uid in sorted(contexts.TRANSFER_SYNTAXES, key=_by_numbers):
        made = "yes" if uid in _MADE else ""
        if uid == HTJ2K_LOSSLESS:
            made = "where an encoder is installed"
        rows.append((UID(uid).name, uid, "yes", made))
    return _table(("transfer syntax", "UID", "stored", "made"), rows)


def store_statuses() -> str:
    """Statuses of C-STORE and failure reasons of STOW-RS, and what they are for."""
    causes: defaultdict[int, list[str]] = defaultdict(list)
    for kind, code in {**web.FAILURE_REASONS, **dimse.STORE_STATUSES}.items():
        if kind is not ArchiveError:
            causes[code].append(_words(kind))
    causes[web.FAILURE_REASONS[ArchiveError]].append("Any other failure.")
    for slug, code in web.CODE_REASONS.items():
        causes[code].append(f"`{slug}` (STOW-RS; C-STORE answers as its class of errors).")
    causes[web.COERCED].append("Stored; an identifier is served without control characters.")
    rows = [(f"{code:04X}", " ".join(texts)) for code, texts in sorted(causes.items())]
    return _table(("code", "when"), [("0000", "Stored durably, or stored before."), *rows])


def retrieve_statuses() -> str:
    """Statuses of queries, retrievals and commitment."""
    rows = [(f"{code:04X}", where, when) for code, where, when in _RETRIEVE_STATUSES]
    return _table(("status", "of", "when"), rows)


def http_statuses() -> str:
    """Which error answers with which status over DICOMweb."""
    causes: defaultdict[int, list[str]] = defaultdict(list)
    for kind, status in web.HTTP_STATUSES.items():
        if kind is not ArchiveError:
            causes[int(status)].append(_words(kind))
    for slug, status in web.CODE_STATUSES.items():
        causes[int(status)].append(f"`{slug}`.")
    rows = [
        (f"{status} {HTTPStatus(status).phrase}", " ".join(texts))
        for status, texts in sorted(causes.items())
    ]
    return _table(("status", "when"), rows)


def resources() -> str:
    """Resources of the service, their methods and media types."""
    rows = [
        (
            f"`{operation.method} /{one.path}`",
            operation.name + (" (extension)" if operation.is_extension else ""),
            "<br>".join(f"`{name}`" for name in operation.consumes),
            "<br>".join(f"`{name}`" for name in operation.produces),
            " ".join(str(status) for status in operation.statuses),
        )
        for one in all_resources()
        for operation in one.operations
    ]
    return _table(("resource", "transaction", "takes", "gives", "statuses"), rows)


def search_keys() -> str:
    """Attributes that are matched and returned, by level."""
    rows = [
        (
            one.keyword,
            f"({one.tag_hex[:4]},{one.tag_hex[4:]})",
            Level(one.level).name.lower(),
            _MATCHING[one.kind],
            _RETURNED[one.returned],
        )
        for one in ATTRIBUTES.values()
    ]
    return _table(("attribute", "tag", "level", "matching", "returned"), rows)


def _words(kind: type[ArchiveError]) -> str:
    return (kind.__doc__ or kind.code).strip().split("\n", maxsplit=1)[0]


def _names(classes: Iterable[str]) -> str:
    return "<br>".join(f"{UID(uid).name} {uid}" for uid in sorted(classes, key=_by_numbers))


def _syntaxes(uids: Iterable[str]) -> str:
    return ", ".join(UID(uid).name for uid in uids)


def _by_numbers(uid: str) -> list[int]:
    return [int(part) for part in uid.split(".")]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(heads), _line(["---"] * len(heads)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


TABLES: dict[str, Callable[[], str]] = {
    function.__name__: function
    for function in (
        dimse_services,
        storage_classes,
        transfer_syntaxes,
        store_statuses,
        retrieve_statuses,
        http_statuses,
        resources,
        search_keys,
        fhir_resources,
    )
}
