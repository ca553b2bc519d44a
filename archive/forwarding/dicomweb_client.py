"""A peer by DICOMweb: STOW-RS to send, QIDO-RS to ask, WADO-RS to fetch (PS3.18)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE
from archive.errors import (
    ArchiveError,
    LimitExceededError,
    PeerError,
    PeerRefusedError,
    PeerUnreachableError,
)
from archive.forwarding.multipart_receiving import receive_instances
from archive.forwarding.peer_http import asking, read_answer
from archive.forwarding.types import FetchCounts, SendOutcome
from archive.retrieve.datasets import open_instance
from archive.retrieve.outgoing import outgoing_instance
from archive.retrieve.transfer_syntaxes import NOT_FOR_THE_WEB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from http.client import HTTPResponse

    from archive.models import Instance, Peer
    from archive.retrieve.outgoing import OutgoingInstance
    from archive.storage.types import SpoolFile

_JSON = "application/dicom+json"
_INSTANCES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
# Of one request; a file that is larger goes alone.
_REQUEST_INSTANCES, _REQUEST_BYTES = 20, 64 * 1024 * 1024
_MAX_RESULTS = 500
_PATHS = {"STUDY": "studies", "SERIES": "series", "IMAGE": "instances"}
# What the peer says of the instances, rather than of who asks or how.
_ABOUT_INSTANCES = frozenset({200, 202, 400, 409, 413, 415, 422})
_BUSY = frozenset({408, 423, 425, 429})


def echo(peer: Peer) -> str:
    """Return what is wrong with the peer's service, or nothing: a query for one study is put.

    Parameters
    ----------
    peer
        from the register of peers
    """
    try:
        with asking(
            peer, "GET", ("studies",), query={"limit": "1"}, headers={"Accept": _JSON}
        ) as answer:
            _require_success(answer)
            _read_json(answer)
    except ArchiveError as error:
        return error.message
    return ""


def send(peer: Peer, instances: Sequence[Instance]) -> Iterator[SendOutcome]:
    """Send instances by STOW-RS, some in each request.

    Parameters
    ----------
    peer
        from the register; the transfer syntaxes of its entry are used, else each instance's own
    instances
        with their blobs; rights were checked by the caller

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        The service can't be reached or refuses to talk; what was yielded before holds.

    References
    ----------
    DICOM PS3.18 10.5
    """
    group: list[_Part] = []
    for instance in instances:
        try:
            part = _Part.of(peer, instance)
        except ArchiveError as error:
            uid = instance.sop_instance_uid
            yield SendOutcome(
                uid, is_sent=False, message=error.message, is_retriable=error.retriable
            )
            continue
        if group and (
            len(group) >= _REQUEST_INSTANCES
            or sum(one.size for one in group) + part.size > _REQUEST_BYTES
        ):
            yield from _store(peer, group)
            group = []
        group.append(part)
    if group:
        yield from _store(peer, group)


def find(peer: Peer, level: str, keys: Mapping[str, str]) -> list[Dataset]:
    """Ask for studies, series or instances by QIDO-RS.

    Parameters
    ----------
    peer
        from the register of peers
    level
        STUDY, SERIES or IMAGE
    keys
        values to match by keyword; those without one are to be returned

    Raises
    ------
    PeerError
        The service can't be reached, refuses, or answers what nobody can read.
    """
    query = {keyword: value for keyword, value in keys.items() if value}
    returned = [keyword for keyword, value in keys.items() if not value]
    if returned:
        query["includefield"] = ",".join(returned)
    query["limit"] = str(_MAX_RESULTS)
    with asking(peer, "GET", (_PATHS[level],), query=query, headers={"Accept": _JSON}) as answer:
        _require_success(answer)
        found = _read_json(answer)
    try:
        return [Dataset.from_json(item) for item in found[:_MAX_RESULTS]]
    except Exception as error:
        raise PeerError("The peer's answer can't be read.", code="peer-answer") from error


def get(
    peer: Peer, study_instance_uid: str, on_instance: Callable[[SpoolFile], None]
) -> FetchCounts:
    """Fetch a study by WADO-RS; each instance is handed over as it has come.

    Parameters
    ----------
    peer
        from the register of peers
    study_instance_uid
        of the study
    on_instance
        is given the spool file, which is closed when it returns; raises to stop

    Raises
    ------
    PeerError
        The service can't be reached, refuses, or breaks off.
    """
    path = ("studies", study_instance_uid)
    with asking(peer, "GET", path, headers={"Accept": _INSTANCES}) as answer:
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise PeerRefusedError("The peer has no such study.", code="peer-not-found")
        _require_success(answer)
        received = receive_instances(answer, on_instance)
        is_partial = answer.status == HTTPStatus.PARTIAL_CONTENT
    return FetchCounts(received, message="The peer gave part of it." if is_partial else "")


@dataclass(frozen=True)
class _Part:
    """An instance as it goes into a request."""

    outgoing: OutgoingInstance
    size: int
    made: bytes = b""

    @property
    def sop_instance_uid(self) -> str:
        return self.outgoing.sop_instance_uid

    @classmethod
    def of(cls, peer: Peer, instance: Instance) -> _Part:
        own = instance.transfer_syntax_uid
        wanted = list(peer.transfer_syntaxes)
        if not wanted:
            wanted = [EXPLICIT_LITTLE] if own in NOT_FOR_THE_WEB else [own, EXPLICIT_LITTLE]
        outgoing = outgoing_instance(instance, wanted)
        if outgoing.is_as_stored and not _has_preamble(instance):
            made = b"".join(outgoing.part10_chunks())
            return cls(outgoing, len(made), made)
        return cls(outgoing, outgoing.dataset_offset + outgoing.size_bytes)

    @staticmethod
    def head(boundary: str) -> bytes:
        # The file says its transfer syntax; Orthanc passes over parts whose type has parameters.
        return f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()

    def chunks(self) -> Iterator[bytes]:
        return iter((self.made,)) if self.made else self.outgoing.part10_chunks()


def _has_preamble(instance: Instance) -> bool:
    with open_instance(instance) as file:
        return file.read(132).endswith(b"DICM")


def _store(peer: Peer, group: Sequence[_Part]) -> Iterator[SendOutcome]:
    """Send one request; where the peer takes none of several, each on its own tells which."""
    boundary = f"twinsight-{secrets.token_hex(16)}"
    close = f"--{boundary}--\r\n".encode()
    size = sum(len(part.head(boundary)) + part.size + 2 for part in group) + len(close)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(size),
        "Accept": _JSON,
    }

    def body() -> Iterator[bytes]:
        for part in group:
            yield part.head(boundary)
            yield from part.chunks()
            yield b"\r\n"
        yield close

    with asking(peer, "POST", ("studies",), headers=headers, body=body()) as answer:
        status, content = answer.status, read_answer(answer)
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PeerUnreachableError(f"The peer's service is busy: it answers {status}.")
    if status not in _ABOUT_INSTANCES:
        raise PeerRefusedError(f"The peer's service answers {status}.")
    told = _told(content)
    if told is None and status > HTTPStatus.ACCEPTED and len(group) > 1:
        for part in group:
            yield from _store(peer, [part])
        return
    for part in group:
        yield _outcome(part.sop_instance_uid, status, told or {})


def _outcome(uid: str, status: int, told: Mapping[str, int]) -> SendOutcome:
    reason = told.get(uid)
    if reason == 0:
        return SendOutcome(uid, is_sent=True)
    if reason is None:
        # A success that names no instance is none: some services answer so to what they can't read.
        is_refused = status > HTTPStatus.ACCEPTED
        what = "" if is_refused else " and does not name the instance"
        message = f"The peer's service answers {status}{what}."
        return SendOutcome(uid, is_sent=False, message=message, is_retriable=not is_refused)
    message = f"The peer answers {reason:04X}H."
    is_retriable = reason >> 8 == 0xA7 or reason == 0x0110
    return SendOutcome(uid, is_sent=False, message=message, is_retriable=is_retriable)


def _told(content: bytes) -> dict[str, int] | None:
    """Return the failure reason of each instance, 0 for those taken; None where nothing is said."""
    try:
        answer = json.loads(content)
        answer = answer[0] if isinstance(answer, list) else answer
        taken = _items(answer, "00081199")
        failed = _items(answer, "00081198")
        told = {_first(item, "00081155"): 0 for item in taken}
        told |= {
            _first(item, "00081155"): int(_first(item, "00081197") or 0x0110) for item in failed
        }
    except (ValueError, AttributeError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return told or None


def _items(answer: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    return list(answer.get(tag, {}).get("Value", ()))


def _first(item: dict[str, Any], tag: str) -> Any:
    values = item.get(tag, {}).get("Value", ())
    return values[0] if values else ""


def _require_success(answer: HTTPResponse) -> None:
    if answer.status in _BUSY or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PeerUnreachableError(f"The peer's service is busy: it answers {answer.status}.")
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise PeerRefusedError(f"The peer's service answers {answer.status}.")


def _read_json(answer: HTTPResponse) -> list[dict[str, Any]]:
    """Return the answer to a query."""
    try:
        content = read_answer(answer)
        found = json.loads(content) if content.strip() else []
    except (ValueError, RecursionError, LimitExceededError) as error:
        raise PeerError("The peer's answer is no DICOM JSON.", code="peer-answer") from error
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise PeerError("The peer's answer is no DICOM JSON.", code="peer-answer")
    return found
