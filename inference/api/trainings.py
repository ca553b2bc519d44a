"""REST endpoints of trainings, for radiology admins of the whole archive."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from inference.api.training_schemas import (
    TrainingListSchema,
    TrainingRequestSchema,
    TrainingSchema,
    training_json,
)
from inference.training.selectors import find_training, list_trainings
from inference.training.services import cancel_training, request_training, resume_training

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


class TrainingsView(Endpoint):
    """Trainings of models from the archive's own labels."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="trainings_list", responses={200: TrainingListSchema})
    def get(self, request: Request) -> Response:
        """List the newest trainings."""
        found = list_trainings(request.user)
        return Response({"results": [training_json(one) for one in found]})

    @extend_schema(
        operation_id="trainings_create",
        request=TrainingRequestSchema,
        responses={202: TrainingSchema},
    )
    def post(self, request: Request) -> Response:
        """Queue a training; the model that comes of it is a draft in the registry."""
        schema = TrainingRequestSchema(data=request.data)
        schema.is_valid(raise_exception=True)
        training = request_training(_asker(request), dict(schema.validated_data))
        return Response(training_json(training), status=HTTPStatus.ACCEPTED)


class TrainingView(Endpoint):
    """One training."""

    @extend_schema(operation_id="trainings_read", responses={200: TrainingSchema})
    def get(self, request: Request, training_id: int) -> Response:
        """Show how far it is, and how good what came of it."""
        return Response(training_json(find_training(request.user, training_id)))


class TrainingCancelView(Endpoint):
    """The end of a training before its time."""

    @extend_schema(operation_id="trainings_cancel", request=None, responses={202: TrainingSchema})
    def post(self, request: Request, training_id: int) -> Response:
        """Cancel it: at once where it waits, at the end of its epoch where it works."""
        training = cancel_training(_asker(request), training_id)
        return Response(training_json(training), status=HTTPStatus.ACCEPTED)


class TrainingResumeView(Endpoint):
    """A training that goes on."""

    @extend_schema(operation_id="trainings_resume", request=None, responses={202: TrainingSchema})
    def post(self, request: Request, training_id: int) -> Response:
        """Queue a cancelled or failed training again; it goes on from its last checkpoint."""
        training = resume_training(_asker(request), training_id)
        return Response(training_json(training), status=HTTPStatus.ACCEPTED)
