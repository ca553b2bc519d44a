"""Subscriptions to workitems and to the worklist (PS3.18 11.10 to 11.12)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api.statuses import problem
from archive.errors import InvalidRequestError
from inference.api.channel_requests import TICKET
from inference.api.workitem_endpoints import WorkitemEndpoint, asker_of, service_of
from inference.api.workitem_parsers import parse_filter
from inference.workitems.subscriptions import subscribe, suspend, unsubscribe

if TYPE_CHECKING:
    from rest_framework.request import Request

    from inference.api.channel_requests import Ticket

_NO_CHANNEL = (
    "Events are sent to the subscriber's application entity by DICOM (N-EVENT-REPORT); no process"
    " for WebSockets runs here (TWINSIGHT_EVENTS_PORT)."
)
_ELSEWHERE = "Open a WebSocket here (through the proxy), or on port {} of this host."


class SubscriberView(WorkitemEndpoint):
    """One application entity's subscription."""

    @extend_schema(exclude=True)
    def post(self, request: Request, uid: str, ae_title: str) -> Response:
        """Tell the application entity of the workitem or the list from now on."""
        lock = request.query_params.get("deletionlock", "false").lower()
        if lock not in {"true", "false"}:
            raise InvalidRequestError("deletionlock is true or false.")
        subscribe(
            asker=asker_of(request),
            uid=uid,
            ae_title=_title(ae_title),
            filters=parse_filter(request.query_params),
            has_deletion_lock=lock == "true",
        )
        response = Response(status=HTTPStatus.CREATED)
        response["Content-Location"] = f"{service_of(request)}/subscribers/{_title(ae_title)}"
        return response

    @extend_schema(exclude=True)
    def delete(self, request: Request, uid: str, ae_title: str) -> Response:
        """Tell it no more."""
        unsubscribe(asker=asker_of(request), uid=uid, ae_title=_title(ae_title))
        return Response(status=HTTPStatus.OK)


class SuspensionView(WorkitemEndpoint):
    """The end of news of new workitems."""

    @extend_schema(exclude=True)
    def post(self, request: Request, uid: str, ae_title: str) -> Response:
        """Tell the subscriber on of what it knows, and of nothing new."""
        suspend(asker=asker_of(request), uid=uid, ae_title=_title(ae_title))
        return Response(status=HTTPStatus.OK)


class ChannelView(WorkitemEndpoint):
    """Where a WebSocket is opened: by the process that serves them, which asks here."""

    @extend_schema(exclude=True)
    def get(self, request: Request, ae_title: str) -> Response:
        """Let who is signed in hear; say where, to who asks the web server itself."""
        ticket: Ticket | None = request._request.META.get(TICKET)  # noqa: SLF001 DRF's documented way
        if ticket is not None:
            ticket.asker, ticket.ae_title = asker_of(request), _title(ae_title)
            return Response(status=HTTPStatus.OK)
        port = settings.TWINSIGHT_EVENTS_PORT
        if not port:
            return problem(HTTPStatus.NOT_IMPLEMENTED, code="no-event-channel", detail=_NO_CHANNEL)
        detail = _ELSEWHERE.format(port)
        response = problem(HTTPStatus.UPGRADE_REQUIRED, code="websocket-needed", detail=detail)
        response["Upgrade"] = "websocket"
        return response


def _title(text: str) -> str:
    title = text.strip()
    if not title or len(title) > 16 or not title.isascii() or not title.isprintable():
        raise InvalidRequestError("An AE title is 1 to 16 printable ASCII characters.")
    return title
