"""UPS-RS (PS3.18 section 11): the worklist as AI work is seen, claimed and ended from outside."""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.audit.services import record_query
from archive.retrieve.trail import note_access
from inference.api.workitem_endpoints import (
    ALREADY,
    CREATED_MODIFIED,
    WorkitemEndpoint,
    asker_of,
    service_of,
    warn,
)
from inference.api.workitem_parsers import (
    parse_body,
    parse_search,
    parse_transaction,
    parse_workitem_uid,
)
from inference.workitems.cancelling import request_cancel
from inference.workitems.elements import text_of
from inference.workitems.selectors import find_workitem, search_workitems
from inference.workitems.services import change_state, create_workitem, update_workitem
from inference.workitems.tags import STATE

if TYPE_CHECKING:
    from rest_framework.request import Request

_MORE = "There are additional results that can be requested"


class WorkitemsView(WorkitemEndpoint):
    """The worklist."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Search for workitems by any of their attributes, the newest first."""
        search = parse_search(request.query_params)
        found = search_workitems(
            request.user, search.keys, is_fuzzy=search.is_fuzzy, is_full=search.is_full
        )
        record_query(
            asker_of(request),
            what="search-workitems",
            details={"keys": sorted(search.keys), "state": text_of(search.keys, STATE)[:16]},
        )
        body = list(islice(found, search.offset, search.offset + search.limit))
        response = Response(body) if body else Response(status=HTTPStatus.NO_CONTENT)
        if len(body) == search.limit and next(found, None) is not None:
            warn(response, request, _MORE)
        return response

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        """Put a workitem on the list."""
        token = getattr(request._request, "token", None)  # noqa: SLF001 DRF's documented way
        uid, is_changed = create_workitem(
            asker=asker_of(request),
            ds=parse_body(request),
            uid=parse_workitem_uid(request),
            project=token.project if token is not None else None,
        )
        response = Response(status=HTTPStatus.CREATED)
        address = f"{service_of(request)}/workitems/{uid}"
        response["Location"] = response["Content-Location"] = address
        if is_changed:
            warn(response, request, CREATED_MODIFIED)
        return response


class WorkitemView(WorkitemEndpoint):
    """One workitem."""

    is_update = True

    @extend_schema(exclude=True)
    def get(self, request: Request, uid: str) -> Response:
        """Show one workitem with the images it is about and the objects that came of it."""
        found = find_workitem(request.user, uid)
        note_access(asker_of(request), found.study_uid, "workitem")
        response = Response([found.document()])
        response["Content-Location"] = f"{service_of(request)}/workitems/{uid}"
        response["Cache-Control"] = "private, no-cache"
        return response

    @extend_schema(exclude=True)
    def post(self, request: Request, uid: str) -> Response:
        """Change what a workitem says."""
        changes = parse_body(request)
        update_workitem(
            asker=asker_of(request),
            uid=uid,
            changes={tag: one for tag, one in changes.items() if tag != "00081195"},
            transaction_uid=parse_transaction(request, changes),
        )
        return Response(status=HTTPStatus.OK)


class WorkitemStateView(WorkitemEndpoint):
    """The state of a workitem."""

    @extend_schema(exclude=True)
    def put(self, request: Request, uid: str) -> Response:
        """Claim it, complete it or give it up."""
        ds = parse_body(request)
        state = text_of(ds, STATE)
        is_changed = change_state(
            asker=asker_of(request),
            uid=uid,
            state=state,
            transaction_uid=parse_transaction(request, ds),
        )
        response = Response(status=HTTPStatus.OK)
        response["Content-Location"] = f"{service_of(request)}/workitems/{uid}"
        if not is_changed:
            warn(response, request, ALREADY.format(state))
        return response


class WorkitemCancelView(WorkitemEndpoint):
    """The wish that a workitem be canceled."""

    @extend_schema(exclude=True)
    def post(self, request: Request, uid: str) -> Response:
        """Cancel what nobody began; tell who works on it otherwise."""
        is_changed = request_cancel(asker=asker_of(request), uid=uid, request=parse_body(request))
        response = Response(status=HTTPStatus.ACCEPTED)
        if not is_changed:
            warn(response, request, ALREADY.format("CANCELED"))
        return response
