"""REST endpoints of acts on many studies."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.access.middleware import refuse_scope
from archive.access.scopes import lacks_scope
from archive.accounts.stepup import ask_again, is_recent
from archive.api import job_schemas as schemas
from archive.api.endpoints import Endpoint
from archive.api.schemas import PagingSchema, ProblemSchema
from archive.bulk import selectors, services
from archive.bulk.exporting import chunks_of, open_result
from archive.bulk.registry import acts_for, find_act

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker

REFUSED = OpenApiResponse(ProblemSchema, "An act, option, filter or study is wrong.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "The act is not for the asker.")
ABSENT = OpenApiResponse(ProblemSchema, "There is no such job of the asker's.")
MANY = OpenApiResponse(ProblemSchema, "More studies, or more open jobs, than there may be.")
ENDED = OpenApiResponse(ProblemSchema, "It has ended already.")
GONE = OpenApiResponse(ProblemSchema, "Its file was kept for a day.")


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


class ActsView(Endpoint):
    """What may be done with many studies at once."""

    @extend_schema(operation_id="acts_list", responses={200: schemas.ActListSchema})
    def get(self, request: Request) -> Response:
        """List the acts that are for the asker, and what each asks for."""
        user = request.user
        return Response({"results": [schemas.act_json(act, user) for act in acts_for(user)]})


class JobsView(Endpoint):
    """The asker's jobs."""

    @extend_schema(
        operation_id="jobs_list",
        parameters=[schemas.JobListQuerySchema],
        responses={200: schemas.JobPageSchema, 400: REFUSED},
    )
    def get(self, request: Request) -> Response:
        """List the asker's jobs, newest first."""
        values = _values(schemas.JobListQuerySchema(data=request.query_params))
        is_open = values["open"]
        found = selectors.list_jobs(
            request.user, limit=values["limit"], offset=values["offset"], is_open=is_open
        )
        count = selectors.open_job_count if is_open else selectors.count_jobs
        return Response(
            {"count": count(request.user), "results": [schemas.job_json(job) for job in found]}
        )

    @extend_schema(
        operation_id="jobs_create",
        request=schemas.NewJobSchema,
        responses={202: schemas.JobSchema, 400: REFUSED, 403: FORBIDDEN, 413: MANY},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Ask for an act; a worker takes it up within seconds."""
        values = _values(schemas.NewJobSchema(data=request.data))
        act = find_act(request.user, values["act"])
        if act.is_dangerous and lacks_scope(request._request, "admin"):  # noqa: SLF001 DRF's way
            return refuse_scope("admin")
        if act.is_dangerous and not is_recent(request._request):  # noqa: SLF001 DRF's way
            return ask_again(request._request)  # noqa: SLF001 DRF's way
        filters = values.get("filters")
        job = services.start_job(
            asker=_asker(request),
            act=act.name,
            options=values["options"],
            study_uids=values.get("studies", ()),
            filters=None if filters is None else schemas.job_filters(filters),
        )
        view = selectors.job_view(request.user, job.pk)
        return Response(schemas.job_json(view), status=HTTPStatus.ACCEPTED)


class JobView(Endpoint):
    """One job."""

    @extend_schema(operation_id="jobs_retrieve", responses={200: schemas.JobSchema, 404: ABSENT})
    def get(self, request: Request, pk: int) -> Response:
        """Say how far it is."""
        return Response(schemas.job_json(selectors.job_view(request.user, pk)))

    @extend_schema(
        operation_id="jobs_cancel",
        responses={202: schemas.JobSchema, 404: ABSENT, 409: ENDED},
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Stop it behind the study that is being worked on; what is done stays done."""
        services.cancel_job(asker=_asker(request), job_id=pk)
        view = selectors.job_view(request.user, pk)
        return Response(schemas.job_json(view), status=HTTPStatus.ACCEPTED)


class JobItemsView(Endpoint):
    """The studies of a job."""

    @extend_schema(
        operation_id="jobs_items",
        parameters=[PagingSchema],
        responses={200: schemas.JobItemPageSchema, 400: REFUSED, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Say what became of each study."""
        paging = _values(PagingSchema(data=request.query_params))
        count, items = selectors.job_items(
            request.user, pk, limit=paging["limit"], offset=paging["offset"]
        )
        return Response({"count": count, "results": [schemas.item_json(item) for item in items]})


class JobFileView(Endpoint):
    """The file that an export made."""

    @extend_schema(
        operation_id="jobs_file",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            403: FORBIDDEN,
            404: ABSENT,
            410: GONE,
        },
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Send the ZIP."""
        file, name, size = open_result(asker=_asker(request), job_id=pk)
        response = StreamingHttpResponse(chunks_of(file), content_type="application/zip")
        response["Content-Length"] = str(size)
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
