"""What an upload's results add up to."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from rest_framework.response import Response

from archive.api.schemas import uploaded_file_json
from archive.api.statuses import http_status, problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.errors import ArchiveError
    from archive.ingest.types import IngestResult


def render_interrupted(error: ArchiveError, results: Sequence[IngestResult]) -> Response:
    """Answer an upload that could not be taken to its end, with what became of its files so far."""
    body = {"results": [uploaded_file_json(result) for result in results]}
    return problem(http_status(error), code=error.code, detail=error.message, more=body)


def render_upload(results: Sequence[IngestResult]) -> Response:
    """Answer 200 where all is in the archive, 202 where some is, else the first refusal's status.

    A failure of the archive itself (503, 507) comes before refusals of files (409, 413, 422): it
    is the one after which sending the same again helps.
    """
    body = {"results": [uploaded_file_json(result) for result in results]}
    accepted = sum(result.is_accepted for result in results)
    if results and accepted == len(results):
        return Response(body)
    if accepted:
        return Response(body, status=HTTPStatus.ACCEPTED)
    errors = [result.error for result in results if result.error is not None]
    if not errors:
        return problem(
            HTTPStatus.BAD_REQUEST, code="empty", detail="The request holds no files.", more=body
        )
    worst = next((error for error in errors if error.retriable), errors[0])
    detail = worst.message if len(errors) == 1 else f"None of {len(errors)} files was stored."
    return problem(http_status(worst), code=worst.code, detail=detail, more=body)
