"""REST endpoints of runs: ask for, list, look at, cancel, try again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from inference.api.run_schemas import (
    URGENCIES,
    RunAgainSchema,
    RunDetailSchema,
    RunFilterSchema,
    RunListSchema,
    run_detail_json,
)
from inference.api.schemas import RunRequestSchema, RunSchema, run_json
from inference.runs.control import cancel_run, retry_run, run_again
from inference.runs.overview import list_runs, run_line, run_lines
from inference.runs.queueing import request_run

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


class RunsView(Endpoint):
    """Runs of models on series."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="runs_list", parameters=[RunFilterSchema], responses={200: RunListSchema}
    )
    def get(self, request: Request) -> Response:
        """List runs inside of your rights, the newest first."""
        schema = RunFilterSchema(data=request.query_params.dict())
        schema.is_valid(raise_exception=True)
        held = schema.validated_data
        found = list_runs(
            request.user,
            states=[held["state"]] if "state" in held else [],
            model=held.get("model", ""),
            study_uid=held.get("study", ""),
            is_own=held["own"],
            before=held.get("before"),
        )
        lines = run_lines(request.user, found[: held["limit"]])
        return Response({"results": [run_detail_json(line, is_full=False) for line in lines]})

    @extend_schema(operation_id="runs_create", request=RunRequestSchema, responses={202: RunSchema})
    def post(self, request: Request) -> Response:
        """Queue a model on a series; what it finds comes as DICOM objects of the study."""
        schema = RunRequestSchema(data=request.data)
        schema.is_valid(raise_exception=True)
        values = schema.validated_data
        run = request_run(
            asker=_asker(request),
            model=values["model"],
            series_uid=values["series"],
            priority=URGENCIES[values["priority"]],
        )
        return Response(run_json(run), status=HTTPStatus.ACCEPTED)


class RunView(Endpoint):
    """One run."""

    @extend_schema(operation_id="runs_read", responses={200: RunDetailSchema})
    def get(self, request: Request, run_id: int) -> Response:
        """Show a run with its inputs, times and log."""
        return Response(run_detail_json(run_line(request.user, run_id)))


class RunCancelView(Endpoint):
    """The end of a run before its time."""

    @extend_schema(operation_id="runs_cancel", request=None, responses={202: RunDetailSchema})
    def post(self, request: Request, run_id: int) -> Response:
        """Take a run out of the queue; one that runs is broken off within seconds."""
        cancel_run(asker=_asker(request), run_id=run_id)
        body = run_detail_json(run_line(request.user, run_id))
        return Response(body, status=HTTPStatus.ACCEPTED)


class RunRetryView(Endpoint):
    """A second run on the same series."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="runs_retry", request=RunAgainSchema, responses={202: RunDetailSchema}
    )
    def post(self, request: Request, run_id: int) -> Response:
        """Try again after a failure, or with another version after anything."""
        schema = RunAgainSchema(data=request.data or {})
        schema.is_valid(raise_exception=True)
        version = schema.validated_data.get("version", "")
        asker = _asker(request)
        if version:
            run = run_again(asker=asker, run_id=run_id, version=version)
        else:
            run = retry_run(asker=asker, run_id=run_id)
        body = run_detail_json(run_line(request.user, run.pk))
        return Response(body, status=HTTPStatus.ACCEPTED)
