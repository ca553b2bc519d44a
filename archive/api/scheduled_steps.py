"""REST endpoints of scheduled procedure steps: what the modality worklist tells."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from archive.api.schedule_schemas import (
    NewStepSchema,
    StepListQuerySchema,
    StepPageSchema,
    StepSchema,
    StepStateSchema,
    step_json,
    step_values,
)
from archive.audit.services import record_query
from archive.scheduling.selectors import find_step, list_steps
from archive.scheduling.services import change_step, move_step, schedule_step

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


class ScheduledStepsView(Endpoint):
    """Examinations to come."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="scheduled_steps_list",
        parameters=[StepListQuerySchema],
        responses={200: StepPageSchema},
    )
    def get(self, request: Request) -> Response:
        """List the steps of your projects, the earliest first."""
        held = _values(StepListQuerySchema(data=request.query_params.dict()))
        found = list_steps(
            request.user,
            first_day=held.get("date_from"),
            last_day=held.get("date_to"),
            modality=held.get("modality", ""),
            state=held.get("state", ""),
            patient=held.get("patient", ""),
            accession_number=held.get("accession_number", ""),
        )
        keys = sorted(set(held) - {"limit", "offset"})
        record_query(_asker(request), what="search-schedule", details={"keys": keys})
        rows = found[held["offset"] : held["offset"] + held["limit"]]
        return Response({"count": found.count(), "results": [step_json(row) for row in rows]})

    @extend_schema(
        operation_id="scheduled_steps_create", request=NewStepSchema, responses={201: StepSchema}
    )
    def post(self, request: Request) -> Response:
        """Put an examination on the modality worklist."""
        values = step_values(_values(NewStepSchema(data=request.data)))
        step = schedule_step(asker=_asker(request), values=values)
        return Response(step_json(step), status=HTTPStatus.CREATED)


class ScheduledStepView(Endpoint):
    """One examination to come."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="scheduled_steps_read", responses={200: StepSchema})
    def get(self, request: Request, step_id: int) -> Response:
        """Show a step."""
        step = find_step(request.user, step_id)
        details = {"keys": ["id"], "step": step.pk}
        record_query(_asker(request), what="search-schedule", details=details)
        return Response(step_json(step))

    @extend_schema(
        operation_id="scheduled_steps_change", request=NewStepSchema, responses={200: StepSchema}
    )
    def patch(self, request: Request, step_id: int) -> Response:
        """Change what is known of a step that is not over; what is left out stays."""
        said = _values(NewStepSchema(data=request.data, partial=True))
        step = find_step(request.user, step_id)
        step = change_step(asker=_asker(request), step_id=step_id, values=step_values(said, step))
        return Response(step_json(step))


class ScheduledStepStateView(Endpoint):
    """The state of an examination to come."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="scheduled_steps_move", request=StepStateSchema, responses={200: StepSchema}
    )
    def put(self, request: Request, step_id: int) -> Response:
        """Say that the patient arrived, or that it began, was done or given up."""
        state = _values(StepStateSchema(data=request.data))["state"]
        step = move_step(asker=_asker(request), step_id=step_id, state=state)
        return Response(step_json(step))
