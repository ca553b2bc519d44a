"""REST endpoints of uploads in pieces: files named, sent from any offset, looked at, stored.

The pieces follow tus 1.0 (https://tus.io/protocols/resumable-upload): HEAD says the offset, PATCH
sends from it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from archive.api import inbox_schemas as schemas
from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from archive.api.schemas import ProblemSchema
from archive.errors import InvalidRequestError, LimitExceededError
from archive.inbox import batches, preview, receiving, selectors
from archive.inbox.errors import WrongOffsetError
from archive.inbox.reports import report_csv
from archive.inbox.wrapping import check_wrapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from rest_framework.request import Request

    from archive.audit.types import Asker
    from archive.models import UploadBatch

TUS = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"
_CHUNK_BYTES = 256 * 1024
_MAX_IDS = 500
REFUSED = OpenApiResponse(ProblemSchema, "The request can't be read; the detail says why.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "You may not store there.")
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not yours.")
CONFLICT = OpenApiResponse(ProblemSchema, "Its state, or the offset, does not allow that now.")
TOO_LARGE = OpenApiResponse(ProblemSchema, "Too large, or too many.")
FULL = OpenApiResponse(ProblemSchema, "The archive's disk is full.")
_OF_ONE = {400: REFUSED, 403: FORBIDDEN, 404: ABSENT, 409: CONFLICT}


class PieceParser(BaseParser):
    """Names the type of a piece; the stream itself is read by the view."""

    media_type = PIECE_TYPE

    def parse(self, *_args: Any, **_more: Any) -> Any:
        """Parse nothing: a piece may be gigabytes."""
        raise InvalidRequestError("A piece is not read as a whole.")


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Any) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


def _batch(batch: UploadBatch, status: HTTPStatus = HTTPStatus.OK) -> Response:
    (progress,) = selectors.progress_of([batch])
    return Response(schemas.batch_json(progress), status=status)


class UploadBatchesView(Endpoint):
    """Uploads."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="upload_batches_list",
        responses={200: schemas.UploadBatchListSchema},
    )
    def get(self, request: Request) -> Response:
        """List the latest hundred uploads; those of others to radiology admins of all projects."""
        rows = list(selectors.batches_visible_to(request.user)[:100])
        found = selectors.progress_of(rows)
        return Response({"results": [schemas.batch_json(one) for one in found]})

    @extend_schema(
        operation_id="upload_batches_create",
        request=schemas.NewUploadBatchSchema,
        responses={
            201: schemas.UploadBatchSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT,
            413: TOO_LARGE,
        },
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Begin an upload."""
        values = _values(schemas.NewUploadBatchSchema(data=request.data))
        token = getattr(request._request, "token", None)  # noqa: SLF001 DRF's way
        batch = batches.open_batch(
            asker=_asker(request),
            project_slug=values.get("project", ""),
            project=token.project if token else None,
            is_preview_wanted=values["preview"],
            source=values.get("source", ""),
        )
        return _batch(batch, HTTPStatus.CREATED)


class UploadBatchView(Endpoint):
    """One upload."""

    @extend_schema(
        operation_id="upload_batches_retrieve",
        responses={200: schemas.UploadBatchSchema, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Say how far an upload is."""
        return _batch(selectors.find_batch(request.user, pk))

    @extend_schema(
        operation_id="upload_batches_delete",
        responses={204: None, 404: ABSENT, 409: CONFLICT},
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Give an upload up; what is stored already stays stored."""
        batches.cancel(asker=_asker(request), batch_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class UploadBatchFilesView(Endpoint):
    """The files of an upload."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="upload_batch_files_list",
        parameters=[schemas.BatchFilesQuerySchema],
        responses={200: schemas.BatchFilePageSchema, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List files and what became of them."""
        values = _values(schemas.BatchFilesQuerySchema(data=request.query_params))
        batch = selectors.find_batch(request.user, pk)
        rows = selectors.batch_files(batch, state=values.get("state", ""))
        start = values["offset"]
        page = rows[start : start + values["limit"]]
        body = {"count": rows.count(), "results": [schemas.file_json(one) for one in page]}
        return Response(body)

    @extend_schema(
        operation_id="upload_batch_files_create",
        request=schemas.NewUploadFilesSchema,
        responses={200: schemas.BatchFileListSchema, **_OF_ONE, 413: TOO_LARGE, 507: FULL},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Name files that are about to come; of known ones the answer says where to go on."""
        values = _values(schemas.NewUploadFilesSchema(data=request.data))
        rows = batches.add_files(
            asker=_asker(request), batch_id=pk, files=schemas.new_files(values)
        )
        for row in rows:
            row.received_bytes = receiving.received_bytes(row)
        return Response({"results": [schemas.file_json(row) for row in rows]})


class UploadPieceView(Endpoint):
    """The bytes of one file, as tus 1.0 sends them."""

    parser_classes = [PieceParser]
    http_method_names = ["head", "patch", "options"]

    @extend_schema(
        operation_id="upload_piece_offset",
        responses={200: OpenApiResponse(None, "Upload-Offset says where to go on."), 404: ABSENT},
    )
    def head(self, request: Request, pk: int, file: int) -> Response:
        """Say how much of a file is here."""
        row = selectors.find_file(request.user, pk, file)
        headers = {
            "Upload-Offset": str(receiving.received_bytes(row)),
            "Upload-Length": str(row.size_bytes),
            "Tus-Resumable": TUS,
        }
        return Response(headers=headers)

    @extend_schema(
        operation_id="upload_piece",
        parameters=[
            OpenApiParameter(
                "Upload-Offset", OpenApiTypes.INT64, OpenApiParameter.HEADER, required=True
            )
        ],
        request={PIECE_TYPE: OpenApiTypes.BINARY},
        responses={204: None, **_OF_ONE, 413: TOO_LARGE, 507: FULL},
    )
    def patch(self, request: Request, pk: int, file: int) -> Response:
        """Write a piece behind what is here; what came before a break of the line stays."""
        bare = request._request  # noqa: SLF001 the unread stream
        text = request.headers.get("Upload-Offset", "")
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise InvalidRequestError("The header Upload-Offset says where the piece begins.")
        try:
            row = receiving.receive_piece(
                asker=_asker(request),
                batch_id=pk,
                file_id=file,
                offset=int(text),
                chunks=_body(bare),
            )
        except WrongOffsetError as error:
            headers = {"Upload-Offset": str(error.received), "Tus-Resumable": TUS}
            return _problem_with(error, headers)
        headers = {"Upload-Offset": str(row.received_bytes), "Tus-Resumable": TUS}
        return Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def _problem_with(error: WrongOffsetError, headers: dict[str, str]) -> Response:
    from archive.api.statuses import http_status, problem  # noqa: PLC0415

    return problem(http_status(error), code=error.code, detail=error.message, headers=headers)


class UploadWholeFilesView(Endpoint):
    """Several small files in one body, one behind the other."""

    parser_classes = [PieceParser]

    @extend_schema(
        operation_id="upload_whole_files",
        parameters=[
            OpenApiParameter(
                "files", str, required=True, description="Their ids, with commas between."
            )
        ],
        request={PIECE_TYPE: OpenApiTypes.BINARY},
        responses={200: schemas.BatchFileListSchema, **_OF_ONE, 413: TOO_LARGE, 507: FULL},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Write files from their beginning to their end, in the order of the ids."""
        ids = request.query_params.get("files", "").split(",")
        if not all(one.isascii() and one.isdecimal() and len(one) < 19 for one in ids):
            raise InvalidRequestError("The parameter files holds ids, with commas between.")
        if len(ids) > _MAX_IDS:
            raise LimitExceededError(f"At most {_MAX_IDS} files are sent in one body.")
        rows = receiving.receive_whole(
            asker=_asker(request),
            batch_id=pk,
            file_ids=[int(one) for one in ids],
            chunks=_body(request._request),  # noqa: SLF001 the unread stream
        )
        return Response({"results": [schemas.file_json(row) for row in rows]})


def _body(request: HttpRequest) -> Iterator[bytes]:
    """Read a body as it arrives; compressed ones are refused, and ones of unknown length."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        message = "Compressed request bodies are not accepted."
        raise InvalidRequestError(message, code="unsupported-encoding")
    kind = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip()
    if kind != PIECE_TYPE:
        message = f"A piece comes as {PIECE_TYPE}."
        raise InvalidRequestError(message, code="unsupported-media-type")
    if not (request.META.get("CONTENT_LENGTH") or "").isdecimal():
        message = "The request must say its Content-Length."
        raise InvalidRequestError(message, code="length-required")
    return _read(request)


def _read(request: HttpRequest) -> Iterator[bytes]:
    try:
        while chunk := request.read(_CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise InvalidRequestError("The line broke.", code="interrupted") from error


class UploadBatchSubmitView(Endpoint):
    """The sender's word that everything is here."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="upload_batches_submit",
        request=schemas.SubmitSchema,
        responses={202: schemas.UploadBatchSchema, **_OF_ONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Have the files looked at, and stored unless a preview is wanted."""
        values = _values(schemas.SubmitSchema(data=request.data))
        asker = _asker(request)
        if values["leave_out_missing"]:
            batches.leave_out_missing(asker=asker, batch_id=pk)
        batches.submit(asker=asker, batch_id=pk, is_preview_wanted=values.get("preview"))
        preview.work_briefly(pk)
        return _batch(selectors.find_batch(request.user, pk), HTTPStatus.ACCEPTED)


class UploadBatchStoreView(Endpoint):
    """The person's word that an upload be stored."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="upload_batches_store",
        request=schemas.StoreSchema,
        responses={202: schemas.UploadBatchSchema, **_OF_ONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Store what was looked at."""
        values = _values(schemas.StoreSchema(data=request.data))
        said = values.get("wrapping")
        batches.store(
            asker=_asker(request),
            batch_id=pk,
            wrapping=check_wrapping(request.user, said) if said else None,
            leaves_out_problems=values["leave_out_problems"],
        )
        preview.work_briefly(pk)
        return _batch(selectors.find_batch(request.user, pk), HTTPStatus.ACCEPTED)


class UploadBatchPreviewView(Endpoint):
    """What storing would come to."""

    @extend_schema(
        operation_id="upload_batches_preview",
        responses={200: schemas.PreviewSchema, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Say which studies would be stored, what is here already, and what would be refused."""
        found = preview.preview_of(asker=_asker(request), batch_id=pk)
        body = {
            "state": found.batch.state,
            "outlook": found.outlook,
            "kinds": found.kinds,
            "patients": found.patients,
            "studies": [schemas.preview_study_json(one) for one in found.studies],
            "problems": [schemas.problem_json(one) for one in found.problems],
        }
        return Response(body)


class UploadBatchReportView(Endpoint):
    """What became of each file."""

    @extend_schema(
        operation_id="upload_batches_report",
        responses={(200, "text/csv"): OpenApiTypes.STR, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """Give a line a file, safe to open in a spreadsheet."""
        batch = selectors.find_batch(request.user, pk)
        response = StreamingHttpResponse(report_csv(batch), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="upload-{pk}.csv"'
        return response
