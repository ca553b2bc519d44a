"""REST endpoints of models: what runs here, what it is for, how it was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from inference.api.model_schemas import (
    ModelDetailSchema,
    ModelListSchema,
    ModelQuerySchema,
    model_json,
)
from inference.bundles.selectors import list_models, versions_of

if TYPE_CHECKING:
    from rest_framework.request import Request


class ModelsView(Endpoint):
    """Models of the archive."""

    @extend_schema(
        operation_id="models_list",
        parameters=[ModelQuerySchema],
        responses={200: ModelListSchema},
    )
    def get(self, request: Request) -> Response:
        """List every version by name, the newest first."""
        schema = ModelQuerySchema(data=request.query_params.dict())
        schema.is_valid(raise_exception=True)
        found = list_models(request.user, **schema.validated_data)
        return Response({"results": [model_json(one) for one in found]})


class ModelView(Endpoint):
    """One model."""

    @extend_schema(operation_id="models_retrieve", responses={200: ModelDetailSchema})
    def get(self, request: Request, name: str) -> Response:
        """Give the versions of a model with their cards."""
        versions = versions_of(request.user, name)
        return Response(
            {
                "name": name,
                "versions": [model_json(one) for one in versions],
                "cards": {one.version: one.card for one in versions},
            }
        )
