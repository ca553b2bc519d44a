"""REST endpoint of likeness maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from inference.api.map_schemas import (
    MapAnswerSchema,
    MapFormSchema,
    MapQuerySchema,
    map_answer_json,
    map_query,
)
from inference.api.parsers import read_form
from inference.similarity.explaining.maps import compare_places

if TYPE_CHECKING:
    from rest_framework.request import Request


@requires_scope("read")
class SimilarMapView(Endpoint):
    """Why these two: which of their places look alike."""

    # Forms are read by our own parser, which writes nothing to a disk.
    parser_classes = [BoundedJsonParser, MultiPartParser]

    @extend_schema(
        operation_id="similar_map",
        request={"application/json": MapQuerySchema, "multipart/form-data": MapFormSchema},
        responses={200: MapAnswerSchema},
    )
    def post(self, request: Request) -> Response:
        """Show which places of two pictures look alike to the network that ranked them."""
        bare = request._request  # noqa: SLF001 the unread stream, and the asker
        image = b""
        data: Any
        if request.content_type.startswith("multipart/"):
            data, image = read_form(bare)
        else:
            data = request.data
        schema = MapQuerySchema(data=data)
        schema.is_valid(raise_exception=True)
        asked = map_query(schema.validated_data, image)
        answer = compare_places(request.user, asked, asker=bare.asker)  # type: ignore[attr-defined]
        return Response(map_answer_json(answer))
