"""REST endpoints of the quarantine's entries and of watched folders."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.api import quarantine_schemas as schemas
from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from archive.api.schemas import ProblemSchema, UploadedFileSchema, uploaded_file_json
from archive.inbox import folders
from archive.inbox.quarantine import selectors, services

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker

REFUSED = OpenApiResponse(ProblemSchema, "It would be refused again, or a value can't be.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "Only for radiology admins of the whole archive.")
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is outside your projects.")
INFECTED = OpenApiResponse(ProblemSchema, "The virus scanner found something in it.")
DECIDED = OpenApiResponse(ProblemSchema, "It was decided about before.")


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Any) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


class QuarantineEntryView(Endpoint):
    """One refused file."""

    @extend_schema(
        operation_id="quarantine_retrieve",
        responses={200: schemas.QuarantineDetailsSchema, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give an entry with the values that may be mended."""
        details = selectors.details_of(asker=_asker(request), entry_id=pk)
        return Response(schemas.details_json(details))


class QuarantineFileView(Endpoint):
    """A refused file's bytes."""

    @extend_schema(
        operation_id="quarantine_file",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            403: INFECTED,
            404: ABSENT,
        },
    )
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """Give the file as it came."""
        name, size, chunks = selectors.bytes_of(asker=_asker(request), entry_id=pk)
        response = StreamingHttpResponse(chunks, content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Content-Length"] = str(size)
        response["X-Content-Type-Options"] = "nosniff"
        return response


class QuarantineRetryView(Endpoint):
    """Storing a refused file after all."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="quarantine_retry",
        request=schemas.QuarantineRetrySchema,
        responses={200: UploadedFileSchema, 400: REFUSED, 404: ABSENT, 409: DECIDED},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Try again, as it came or with other values; what fails changes nothing."""
        values = _values(schemas.QuarantineRetrySchema(data=request.data))
        result = services.retry_entry(
            asker=_asker(request),
            entry_id=pk,
            project_slug=values.get("project", ""),
            wanted=values.get("values"),
            reason=values.get("reason", ""),
        )
        return Response(uploaded_file_json(result))


class QuarantineDiscardView(Endpoint):
    """Deciding that a refused file is not wanted, and undoing that."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="quarantine_discard",
        request=schemas.QuarantineDiscardSchema,
        responses={204: None, 400: REFUSED, 404: ABSENT, 409: DECIDED},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Discard an entry; its bytes go after the days of a deletion."""
        values = _values(schemas.QuarantineDiscardSchema(data=request.data))
        services.discard_entry(asker=_asker(request), entry_id=pk, reason=values["reason"])
        return Response(status=HTTPStatus.NO_CONTENT)

    @extend_schema(
        operation_id="quarantine_bring_back", responses={204: None, 404: ABSENT, 409: DECIDED}
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Bring back what was discarded."""
        services.bring_back_entry(asker=_asker(request), entry_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class WatchedFoldersView(Endpoint):
    """Folders whose files are taken in."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="watched_folders_list",
        responses={200: schemas.WatchedFolderListSchema, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """List them, and below which roots others may be watched."""
        found = folders.list_folders(request.user)
        results = [schemas.folder_json(folder) for folder in found]
        return Response({"roots": folders.roots(), "results": results})

    @extend_schema(
        operation_id="watched_folders_create",
        request=schemas.NewFolderSchema,
        responses={201: schemas.WatchedFolderSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def post(self, request: Request) -> Response:
        """Have a folder watched."""
        values = _values(schemas.NewFolderSchema(data=request.data))
        folder = folders.watch_folder(asker=_asker(request), values=values)
        return Response(schemas.folder_json(folder), status=HTTPStatus.CREATED)


class WatchedFolderView(Endpoint):
    """One watched folder."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="watched_folders_retrieve",
        responses={200: schemas.WatchedFolderSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give a watched folder."""
        return Response(schemas.folder_json(folders.get_folder(request.user, pk)))

    @extend_schema(
        operation_id="watched_folders_change",
        request=schemas.FolderFieldsSchema,
        responses={
            200: schemas.WatchedFolderSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT
        },
    )  # fmt: skip
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is done with its files, or switch it on or off."""
        values = _values(schemas.FolderFieldsSchema(data=request.data))
        folder = folders.change_folder(asker=_asker(request), folder_id=pk, values=values)
        return Response(schemas.folder_json(folder))

    @extend_schema(
        operation_id="watched_folders_delete", responses={204: None, 403: FORBIDDEN, 404: ABSENT}
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Watch it no more; its files stay there."""
        folders.forget_folder(asker=_asker(request), folder_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)
