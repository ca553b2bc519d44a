"""The opening request of a WebSocket, asked of Django itself: by the same rights as all others."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from websockets.datastructures import Headers
from websockets.http11 import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.http11 import Request

    from archive.audit.types import Asker

# Where the view finds the ticket that it fills in; no header of a request can have this name.
TICKET = "twinsight.channel"
# What is for this connection only, and nothing of Django's.
_OWN_HEADERS = {"connection", "upgrade", "transfer-encoding", "content-length", "content-type"}
_MESSAGE_HEADERS = ("Content-Type", "WWW-Authenticate", "Retry-After", "Location")


@dataclass
class Ticket:
    """Whom the view let in, and for which application entity."""

    asker: Asker | None = None
    ae_title: str = ""


@dataclass
class _Answer:
    status: int = int(HTTPStatus.INTERNAL_SERVER_ERROR)
    headers: list[tuple[str, str]] = field(default_factory=list)

    def start(self, status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        self.status, self.headers = int(status.partition(" ")[0]), headers


class ChannelRequests:
    """Asks Django whether who opened a connection may have it: first, and from time to time."""

    def __init__(self) -> None:
        self._handler = WSGIHandler()

    def ask(
        self, request: Request, address: str, port: int, *, is_again: bool = False
    ) -> Ticket | Response:
        """Return the ticket of who is let in, or the answer to who is not.

        Asking again keeps no session alive that nobody else uses.
        """
        if not _is_own_origin(request):
            text = b"A page of another site can't open this channel.\n"
            return _refusal(HTTPStatus.FORBIDDEN, [("Content-Type", "text/plain")], text)
        ticket, answer = Ticket(), _Answer()
        environ = {**_environ(request, address, port), TICKET: ticket}
        if is_again:
            environ["HTTP_X_IDLE"] = "1"
        parts: Iterable[bytes] = self._handler(environ, answer.start)
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        if answer.status == HTTPStatus.OK and ticket.asker is not None:
            return ticket
        status = HTTPStatus.NOT_FOUND if answer.status == HTTPStatus.OK else answer.status
        return _refusal(status, answer.headers, body)


def _is_own_origin(request: Request) -> bool:
    """Whether a browser says that the page is ours: it sends cookies wherever it is told to."""
    origin = request.headers.get("Origin")
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return urlsplit(origin).netloc == request.headers.get("Host", "")


def _environ(request: Request, address: str, port: int) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": address,
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    for name, value in request.headers.raw_items():
        if name.lower() in _OWN_HEADERS or "_" in name:
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ


def _refusal(status: int, headers: list[tuple[str, str]], body: bytes) -> Response:
    kept = [(name, value) for name, value in headers if name in _MESSAGE_HEADERS]
    length = ("Content-Length", str(len(body)))
    said = Headers([*kept, length, ("Connection", "close")])
    return Response(int(status), HTTPStatus(status).phrase, said, body)
