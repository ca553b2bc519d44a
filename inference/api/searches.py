"""REST endpoints of kept searches: rounds, undo, saving, sharing, running, new matches."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from inference.api.answer_schemas import SimilarAnswerSchema, similar_answer_json
from inference.api.query_schemas import similar_query
from inference.api.search_schemas import (
    MatchListSchema,
    NewRoundSchema,
    NewSearchSchema,
    SearchChangeSchema,
    SearchDetailSchema,
    SearchListSchema,
    SeenCountSchema,
    SeenSchema,
    matches_json,
    search_detail_json,
    search_json,
)
from inference.similarity.searches import sessions
from inference.similarity.searches.matches import mark_seen, matches_of

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker
    from inference.api.schemas import StrictSerializer


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def _values(schema: type[StrictSerializer], request: Request) -> dict[str, Any]:
    checked = schema(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data  # type: ignore[no-any-return]


class SearchesView(Endpoint):
    """Searches of your own, and those shared with you."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="searches_list", responses={200: SearchListSchema})
    def get(self, request: Request) -> Response:
        """List saved searches; with ``all=true`` also sessions of your own without a name."""
        only_saved = request.query_params.get("all", "") != "true"
        found = sessions.list_searches(request.user, only_saved=only_saved)
        return Response({"results": [search_json(request.user, one) for one in found]})

    @extend_schema(
        operation_id="searches_create",
        request=NewSearchSchema,
        responses={201: SearchDetailSchema},
    )
    def post(self, request: Request) -> Response:
        """Begin a search with its first question; with a name it is saved at once."""
        values = _values(NewSearchSchema, request)
        session = sessions.start_session(
            request.user,
            similar_query(values["query"]),
            name=values.get("name", ""),
            project=values.get("project", ""),
            is_notifying=values["is_notifying"],
            asker=_asker(request),
        )
        body = search_detail_json(request.user, session)
        return Response(body, status=HTTPStatus.CREATED)


class SearchView(Endpoint):
    """One search."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="searches_read", responses={200: SearchDetailSchema})
    def get(self, request: Request, search_id: int) -> Response:
        """Show the question that holds."""
        session = sessions.get_search(request.user, search_id)
        return Response(search_detail_json(request.user, session))

    @extend_schema(
        operation_id="searches_change",
        request=SearchChangeSchema,
        responses={200: SearchDetailSchema},
    )
    def patch(self, request: Request, search_id: int) -> Response:
        """Name, share, or be told of new matches."""
        changes = _values(SearchChangeSchema, request)
        session = sessions.change_search(request.user, search_id, asker=_asker(request), **changes)
        return Response(search_detail_json(request.user, session))

    @extend_schema(operation_id="searches_delete", responses={204: None})
    def delete(self, request: Request, search_id: int) -> Response:
        """Delete a search with its rounds and matches."""
        sessions.delete(request.user, search_id, asker=_asker(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class SearchRoundsView(Endpoint):
    """The questions of a search."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="searches_rounds_create",
        request=NewRoundSchema,
        responses={201: SearchDetailSchema},
    )
    def post(self, request: Request, search_id: int) -> Response:
        """Ask on, with more examples for instance; what was undone is gone then."""
        query = similar_query(_values(NewRoundSchema, request)["query"])
        session = sessions.add_round(request.user, search_id, query)
        body = search_detail_json(request.user, session)
        return Response(body, status=HTTPStatus.CREATED)


class SearchUndoView(Endpoint):
    """Back to the question before."""

    @extend_schema(operation_id="searches_undo", request=None, responses={200: SearchDetailSchema})
    def post(self, request: Request, search_id: int) -> Response:
        """Undo the last round."""
        session = sessions.undo(request.user, search_id)
        return Response(search_detail_json(request.user, session))


class SearchRedoView(Endpoint):
    """Forward to the question that was undone."""

    @extend_schema(operation_id="searches_redo", request=None, responses={200: SearchDetailSchema})
    def post(self, request: Request, search_id: int) -> Response:
        """Redo the round that was undone."""
        session = sessions.redo(request.user, search_id)
        return Response(search_detail_json(request.user, session))


@requires_scope("read")
class SearchRunView(Endpoint):
    """The question that holds, asked now."""

    @extend_schema(operation_id="searches_run", request=None, responses={200: SimilarAnswerSchema})
    def post(self, request: Request, search_id: int) -> Response:
        """Run a search with the rights of who runs it."""
        answer = sessions.run_search(request.user, search_id, asker=_asker(request))
        return Response(similar_answer_json(request.user, answer, session=search_id))


class SearchMatchesView(Endpoint):
    """New cases that a search was told of."""

    @extend_schema(operation_id="searches_matches", responses={200: MatchListSchema})
    def get(self, request: Request, search_id: int) -> Response:
        """List them, newest first; those outside of your rights by now are left out."""
        found = matches_of(request.user, search_id)
        return Response({"results": matches_json(request.user, found)})


class SearchMatchesSeenView(Endpoint):
    """New cases that need not be shown as new again."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="searches_matches_seen",
        request=SeenSchema,
        responses={200: SeenCountSchema},
    )
    def post(self, request: Request, search_id: int) -> Response:
        """Note that matches were seen: those named, or all."""
        named = _values(SeenSchema, request).get("matches")
        return Response({"seen": mark_seen(request.user, search_id, named)})
