"""REST endpoints of embedding spaces and of the quality of retrieval."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.access.middleware import asker_of
from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from inference.api.quality_schemas import (
    EvaluationPageSchema,
    EvaluationQuerySchema,
    EvaluationRequestedSchema,
    EvaluationRequestSchema,
    SpaceListSchema,
    evaluation_json,
    space_json,
)
from inference.similarity.quality.services import (
    list_evaluations,
    list_space_overviews,
    request_evaluation,
)
from inference.similarity.types import Level

if TYPE_CHECKING:
    from rest_framework.request import Request


class SpacesView(Endpoint):
    """Embedding spaces."""

    @extend_schema(operation_id="spaces_list", responses={200: SpaceListSchema})
    def get(self, request: Request) -> Response:
        """List the spaces that can be searched, the default one first.

        Radiology admins of the whole archive get those being filled too, with their progress,
        counts and newest figures.
        """
        results = [space_json(one) for one in list_space_overviews(request.user)]
        return Response({"results": results})


class EvaluationsView(Endpoint):
    """How well retrieval agrees with labels: for radiology admins of the whole archive."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="evaluations_list",
        parameters=[EvaluationQuerySchema],
        responses={200: EvaluationPageSchema},
    )
    def get(self, request: Request) -> Response:
        """List what was measured, newest first."""
        schema = EvaluationQuerySchema(data=request.query_params.dict())
        schema.is_valid(raise_exception=True)
        rows = list_evaluations(request.user, **schema.validated_data)
        return Response({"results": [evaluation_json(row) for row in rows]})

    @extend_schema(
        operation_id="evaluations_create",
        request=EvaluationRequestSchema,
        responses={202: EvaluationRequestedSchema},
    )
    def post(self, request: Request) -> Response:
        """Have a space measured by a worker; its figures come into the list."""
        schema = EvaluationRequestSchema(data=request.data)
        schema.is_valid(raise_exception=True)
        values = schema.validated_data
        is_new = request_evaluation(
            asker=asker_of(request._request),  # noqa: SLF001 DRF's documented way
            space=values.get("space", ""),
            label_set=values["label_set"],
            level=Level(values["level"]),
        )
        return Response({"queued": is_new}, status=HTTPStatus.ACCEPTED)
