"""HTTP to a peer's DICOMweb service: to the address of its entry, without redirects or proxies."""

from __future__ import annotations

from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from django.utils.translation import gettext

from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    PeerRefusedError,
    PeerUnreachableError,
)
from archive.forwarding.addresses import connect_to
from archive.forwarding.dimse_tls import client_context
from archive.forwarding.sealing import unseal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from urllib.parse import SplitResult

    from archive.models import Peer

# For each wait on the socket, not for the whole exchange.
TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_PORTS = {"http": 80, "https": 443}


def checked_url(url: str) -> SplitResult:
    """Split the address of a DICOMweb service.

    Raises
    ------
    InvalidRequestError
        It is none, or carries a name, password, query or fragment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequestError(gettext("The base URL is no address of the web.")) from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise InvalidRequestError(
            gettext("The base URL begins with https:// or http:// and names a host.")
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidRequestError(
            gettext("Credentials have fields of their own; the base URL has none.")
        )
    if parts.query or parts.fragment:
        raise InvalidRequestError(gettext("The base URL ends with its path."))
    return parts


@contextmanager
def asking(
    peer: Peer,
    method: str,
    path: tuple[str, ...],
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Iterable[bytes] | None = None,
) -> Iterator[HTTPResponse]:
    """Send a request and give its answer, whatever its status, within the block.

    Parameters
    ----------
    peer
        whose base URL it goes to, with its credentials
    method
        of HTTP
    path
        parts below the base URL, not yet quoted
    query, headers
        of the request
    body
        its chunks; ``Content-Length`` is among the headers then

    Raises
    ------
    PeerUnreachableError
        Nobody answered, or the connection was lost.
    PeerRefusedError
        The answer leads elsewhere.
    """
    parts = checked_url(peer.base_url)
    client = _client(peer, parts)
    sent = {"User-Agent": "Twinsight", "Accept": "*/*", **(headers or {})}
    if authorization := unseal(peer.sealed_credentials):
        sent["Authorization"] = authorization
    try:
        client.request(method, _target(parts, path, query), body, sent)
        answer = client.getresponse()
        if 300 <= answer.status < 400 and answer.status != 304:
            raise PeerRefusedError(
                gettext("The peer's service leads elsewhere; its base URL is wrong.")
            )
        yield answer
    except (OSError, HTTPException) as error:
        raise PeerUnreachableError(_what_happened(error)) from error
    finally:
        client.close()


def read_answer(answer: HTTPResponse) -> bytes:
    """Read an answer to its end, within a limit."""
    content = answer.read(MAX_ANSWER_BYTES + 1)
    if len(content) > MAX_ANSWER_BYTES:
        raise LimitExceededError(gettext("The peer's answer is too long."))
    return content


def _client(peer: Peer, parts: SplitResult) -> HTTPConnection:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    client: Any
    if parts.scheme == "https":
        client = HTTPSConnection(host, port, timeout=TIMEOUT_S, context=client_context(peer))
    else:
        client = HTTPConnection(host, port, timeout=TIMEOUT_S)
    # Certificate and Host header keep the name; the socket goes to the address that was looked at.
    client._create_connection = lambda *_args, **_more: connect_to(  # noqa: SLF001 no public way
        peer, host, port, timeout_s=TIMEOUT_S
    )
    return client  # type: ignore[no-any-return]


def _target(parts: SplitResult, path: tuple[str, ...], query: Mapping[str, str] | None) -> str:
    below = "/".join(quote(part, safe="") for part in path)
    text = f"{parts.path.rstrip('/')}/{below}"
    return f"{text}?{urlencode(query)}" if query else text


def _what_happened(error: OSError | HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return "The peer's service did not answer in time."
    if isinstance(error, ConnectionRefusedError):
        return "Nobody listens at the peer's address."
    return f"The connection to the peer's service failed ({type(error).__name__})."
