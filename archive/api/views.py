"""REST endpoints of the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from archive.access import selectors as access
from archive.api.answers import render_interrupted, render_upload
from archive.api.endpoints import Endpoint, checked_uid
from archive.api.schemas import (
    PagingSchema,
    ProblemSchema,
    QuarantinePageSchema,
    StudyDetailSchema,
    StudyListQuerySchema,
    StudyPageSchema,
    UploadFormSchema,
    UploadResultsSchema,
    quarantine_entry_json,
    study_detail_json,
    study_page_json,
    worklist_filters,
)
from archive.api.uploads import Upload
from archive.audit import services as audit
from archive.errors import ArchiveError, NotVisibleError
from archive.ingest import selectors as ingest
from archive.query.study_overview import study_overview
from archive.query.worklist import worklist_page

if TYPE_CHECKING:
    from rest_framework.request import Request


class UploadView(Endpoint):
    """Store DICOM files and ZIPs of them."""

    # For the schema only: the body is never read through DRF, which would hold it.
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="uploads_create",
        request={"multipart/form-data": UploadFormSchema},
        responses={
            200: OpenApiResponse(UploadResultsSchema, "Every file is in the archive."),
            202: OpenApiResponse(UploadResultsSchema, "Some are, some were refused."),
            400: OpenApiResponse(ProblemSchema, "The request holds no files, or is malformed."),
            403: OpenApiResponse(ProblemSchema, "Not into this project."),
            409: OpenApiResponse(ProblemSchema, "Other content is known under these UIDs."),
            413: OpenApiResponse(ProblemSchema, "Too large."),
            422: OpenApiResponse(ProblemSchema, "None is a DICOM instance that can be stored."),
            503: OpenApiResponse(ProblemSchema, "The archive can't store now; try again."),
            507: OpenApiResponse(ProblemSchema, "The archive is full."),
        },
    )
    def post(self, request: Request) -> Response:
        """Take the files as they arrive; each gets its own result."""
        upload = Upload(request)
        try:
            results = upload.receive()
        except ArchiveError as error:
            return render_interrupted(error, upload.results)
        return render_upload(results)


class StudiesView(Endpoint):
    """The studies inside the asker's rights."""

    @extend_schema(
        operation_id="studies_list",
        parameters=[StudyListQuerySchema],
        responses={200: StudyPageSchema},
    )
    def get(self, request: Request) -> Response:
        """List a page of studies."""
        schema = StudyListQuerySchema(data=request.query_params)
        schema.is_valid(raise_exception=True)
        values = schema.validated_data
        page = worklist_page(
            request.user,
            worklist_filters(values),
            page=values["page"],
            page_size=values["page_size"],
            is_counted=True,
        )
        asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001
        audit.record_query(asker, what="studies", details={"results": len(page.rows)})
        return Response(study_page_json(page))


class StudyView(Endpoint):
    """One study."""

    @extend_schema(operation_id="studies_retrieve", responses={200: StudyDetailSchema})
    def get(self, request: Request, study_uid: str) -> Response:
        """Give the study with its series."""
        overview = study_overview(request.user, checked_uid(study_uid))
        asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001
        audit.record_access(asker, study_instance_uid=study_uid, what="study")
        return Response(study_detail_json(overview))


class QuarantineView(Endpoint):
    """What came and could not be archived."""

    @extend_schema(
        operation_id="quarantine_list",
        parameters=[PagingSchema],
        responses={200: QuarantinePageSchema},
    )
    def get(self, request: Request) -> Response:
        """List open entries of the projects in which the asker is a radiology admin."""
        access.require_radiology_admin(request.user)
        paging = PagingSchema(data=request.query_params)
        paging.is_valid(raise_exception=True)
        start = paging.validated_data["offset"]
        stop = start + paging.validated_data["limit"]
        entries = ingest.quarantine_visible_to(request.user)
        results = [quarantine_entry_json(entry) for entry in entries[start:stop]]
        return Response({"count": entries.count(), "results": results})


class NothingHereView(Endpoint):
    """Paths below the API that nothing answers: told as every refusal of it is."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        """Refuse."""
        raise NotVisibleError("There is nothing under this path.")

    post = put = patch = delete = get
