"""WebSockets of the worklist (PS3.18 8.10): a door of its own process, for who subscribed."""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.sync.server import ServerConnection, serve

from inference.api.channel_requests import ChannelRequests
from inference.workitems.channels import (
    close_channel,
    event_json,
    keep_channel,
    next_events,
    note_told,
    open_channel,
)
from inference.workitems.delivering import give_back
from inference.workitems.listening import EventWatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from types import TracebackType

    from websockets.http11 import Request
    from websockets.sync.server import Server

    from inference.api.channel_requests import Ticket
    from inference.models import WorkitemEvent
    from inference.workitems.channels import Channel

logger = logging.getLogger(__name__)

# Rights are asked for again so often; who lost them hears no more from then.
RECHECK_S = 30.0
_LOOK_S = 1.0
_LOOK_DEAF_S = 5.0
_PONG_S = 20.0
_OPENING_S = 10.0
_MOST_CONNECTIONS = 100
# A subscriber has nothing to say here.
_MOST_BYTES = 1024
_DATABASE_AT_ONCE = 4


class _TooManyConnectionsError(Exception):
    """The connection is closed at once: websockets does so with whatever its factory raises."""


class _Subscriber(ServerConnection):
    """A connection, with what Django said of who opened it, and when it came."""

    ticket: Ticket | None = None
    came_at: datetime | None = None


class EventChannel:
    """Serves WebSockets until it is closed.

    Parameters
    ----------
    bind, port
        where; 0 for any free port
    recheck_s
        after how long rights are asked for again
    """

    def __init__(
        self,
        bind: str,
        port: int,
        *,
        recheck_s: float = RECHECK_S,
        most_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        self._recheck_s, self._most = recheck_s, most_connections
        self._requests = ChannelRequests()
        self._watch = EventWatch()
        self._database = threading.BoundedSemaphore(_DATABASE_AT_ONCE)
        self._server: Server = serve(
            self._handle,
            bind,
            port,
            compression=None,
            process_request=self._admit,
            server_header=None,
            open_timeout=_OPENING_S,
            max_size=_MOST_BYTES,
            max_queue=4,
            create_connection=self._connection,  # type: ignore[arg-type] # a factory does as well
        )
        self.port = int(self._server.socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="event-channel")

    def __enter__(self) -> EventChannel:
        """Begin to serve."""
        self._watch.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell everybody that it goes, and end."""
        self._server.shutdown()
        self._thread.join()
        self._watch.stop()

    def _connection(self, sock: Any, protocol: Any, server: Server, **options: Any) -> Any:
        if len(server.handler_threads) > self._most:
            raise _TooManyConnectionsError
        return _Subscriber(sock, protocol, server, **options)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        subscriber = cast("_Subscriber", connection)
        subscriber.came_at = timezone.now()
        with self._database_used():
            answer = self._requests.ask(request, str(connection.remote_address[0]), self.port)
        if isinstance(answer, Response):
            return answer
        subscriber.ticket = answer
        return None

    def _handle(self, connection: ServerConnection) -> None:
        subscriber = cast("_Subscriber", connection)
        ticket = subscriber.ticket
        if ticket is None or ticket.asker is None:
            return
        channel = None
        try:
            with self._database_used():
                channel = open_channel(
                    asker=ticket.asker, ae_title=ticket.ae_title, came_at=subscriber.came_at
                )
            self._talk(connection, channel)
        except ConnectionClosed:
            pass
        except DatabaseError:
            logger.warning("a channel of workitem events lost the database")
            connection.close(CloseCode.TRY_AGAIN_LATER, "Come again later.")
        finally:
            if channel is not None:
                self._forget(channel)

    def _forget(self, channel: Channel) -> None:
        try:
            with self._database_used():
                close_channel(channel)
        except DatabaseError:
            logger.warning("a channel of workitem events stays until its lease ends")

    def _talk(self, connection: ServerConnection, channel: Channel) -> None:
        """Tell what is due, and what comes, until one end goes or the rights do."""
        checked = looked = time.monotonic()
        known = -1
        while connection.state is State.OPEN:
            if time.monotonic() - checked >= self._recheck_s:
                if reason := self._why_to_end(connection, channel):
                    connection.close(CloseCode.POLICY_VIOLATION, reason)
                    return
                checked = time.monotonic()
            _refuse_words(connection)
            pause = self._recheck_s if self._watch.is_listening else _LOOK_DEAF_S
            news = self._watch.news_of(channel.ae_title)
            if news != known or time.monotonic() - looked >= pause:
                known, looked = news, time.monotonic()
                self._tell_due(connection, channel)
            self._watch.wait(channel.ae_title, known, _LOOK_S)

    def _why_to_end(self, connection: ServerConnection, channel: Channel) -> str:
        if connection.request is None:
            return "There was no request."
        with self._database_used():
            address = str(connection.remote_address[0])
            answer = self._requests.ask(connection.request, address, self.port, is_again=True)
            if isinstance(answer, Response):
                return "You may not hear this any more."
            return "" if keep_channel(channel) else "Another connection took this one's place."

    def _tell_due(self, connection: ServerConnection, channel: Channel) -> None:
        while True:
            with self._database_used():
                batch = next_events(channel)
            if not batch:
                return
            try:
                _send(connection, batch)
            except BaseException:
                with self._database_used():
                    give_back(batch)
                raise
            with self._database_used():
                note_told(batch)

    @contextmanager
    def _database_used(self) -> Iterator[None]:
        """Use the database for a moment: a connection for each WebSocket would be too many."""
        with self._database:
            try:
                yield
            finally:
                connections.close_all()


def _send(connection: ServerConnection, batch: list[WorkitemEvent]) -> None:
    """Send events; they are told once the other end answers what was sent after them."""
    for event in batch:
        connection.send(json.dumps(event_json(event), allow_nan=False))
    if not connection.ping().wait(_PONG_S):
        connection.close(CloseCode.TRY_AGAIN_LATER, "No answer.")
    if connection.state is not State.OPEN:
        raise ConnectionClosed(None, None)


def _refuse_words(connection: ServerConnection) -> None:
    """Close on who says something: this channel only tells."""
    try:
        connection.recv(timeout=0)
    except TimeoutError:
        return
    connection.close(CloseCode.POLICY_VIOLATION, "This channel only tells.")
