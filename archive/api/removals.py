"""REST endpoints of what was deleted or rejected: listed, deleted, brought back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.access.selectors import require_radiology_admin
from archive.api import removal_schemas as schemas
from archive.api.endpoints import Endpoint, asker_of, require_recent_login, validated
from archive.api.schemas import ProblemSchema
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.selectors import removal_row, removal_rows
from archive.curation.types import ObjectPath

if TYPE_CHECKING:
    from rest_framework.request import Request

_REFUSED = OpenApiResponse(ProblemSchema, "A field is wrong; `field` or `errors` name it.")
_FORBIDDEN = OpenApiResponse(ProblemSchema, "Only for radiology admins of all its projects.")
_ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not for you.")
_CONFLICT = OpenApiResponse(ProblemSchema, "It was undone or purged already, or must be kept.")


@requires_scope("admin", methods=("POST",))
class RemovalsView(Endpoint):
    """Deletions and rejections."""

    @extend_schema(
        operation_id="removals_list",
        parameters=[schemas.RemovalListQuerySchema],
        responses={200: schemas.RemovalPageSchema, 400: _REFUSED, 403: _FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """List what was deleted or rejected in projects that you keep, the newest first."""
        require_radiology_admin(request.user)
        values = validated(schemas.RemovalListQuerySchema(data=request.query_params))
        count, rows = removal_rows(request.user, offset=values["offset"], limit=values["limit"])
        return Response({"count": count, "results": [schemas.removal_json(row) for row in rows]})

    @extend_schema(
        operation_id="removals_create",
        request=schemas.NewRemovalSchema,
        responses={
            201: schemas.RemovalSchema,
            400: _REFUSED,
            403: _FORBIDDEN,
            404: _ABSENT,
            409: _CONFLICT,
        },
    )
    def post(self, request: Request) -> Response:
        """Delete a study, series or instance; it can be brought back until it is purged."""
        require_recent_login(request)
        values = validated(schemas.NewRemovalSchema(data=request.data))
        path = ObjectPath(values["study"], values.get("series"), values.get("instance"))
        removal = remove_objects(asker=asker_of(request), path=path, reason=values["reason"])
        return Response(schemas.bare_removal_json(removal), status=HTTPStatus.CREATED)


class RemovalView(Endpoint):
    """One deletion or rejection."""

    @extend_schema(
        operation_id="removals_retrieve",
        responses={200: schemas.RemovalSchema, 403: _FORBIDDEN, 404: _ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give a deletion or rejection."""
        require_radiology_admin(request.user)
        return Response(schemas.removal_json(removal_row(request.user, pk)))


@requires_scope("admin")
class RemovalUndoView(Endpoint):
    """The end of a deletion or rejection."""

    @extend_schema(
        operation_id="removals_undo",
        request=None,
        responses={
            200: schemas.RemovalSchema,
            403: _FORBIDDEN,
            404: _ABSENT,
            409: _CONFLICT,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Bring back what it took away."""
        removal = undo_removal(asker=asker_of(request), removal_id=pk)
        return Response(schemas.bare_removal_json(removal))
