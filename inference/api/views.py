"""REST endpoints of the AI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.api.endpoints import Endpoint, checked_uid
from archive.api.parsers import BoundedJsonParser
from archive.errors import NotAllowedError
from archive.query.case_header import case_header
from inference.api.answer_schemas import SimilarAnswerSchema, similar_answer_json
from inference.api.parsers import read_form
from inference.api.query_schemas import SimilarFormSchema, SimilarQuerySchema, similar_query
from inference.api.schemas import StudyStatusSchema, run_json
from inference.runs.selectors import is_study_idle, runs_of_study
from inference.similarity.searches.sessions import ask_in_session
from inference.similarity.selectors import embedded_counts
from inference.similarity.services import search_similar

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker
    from inference.models import Run


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


class StudyStatusView(Endpoint):
    """How far the AI is with a study."""

    @extend_schema(operation_id="study_status", responses={200: StudyStatusSchema})
    def get(self, request: Request, study_uid: str) -> Response:
        """Count instances and vectors, and list the newest run of each model on each series."""
        # Asked first: what is queued between the two questions is in the second's answer.
        is_idle = is_study_idle(request.user, checked_uid(study_uid))
        study = case_header(request.user, study_uid=study_uid).study
        newest: dict[tuple[int, int], Run] = {}
        for run in runs_of_study(request.user, study_uid):
            newest.setdefault((run.series_id, run.model_version_id), run)
        return Response(
            {
                "instances": study.number_of_instances,
                "embedded": embedded_counts(request.user, study_uid).instances,
                "runs": [run_json(run) for run in newest.values()],
                "idle": is_idle,
            }
        )


@requires_scope("read")
class SimilarView(Endpoint):
    """Cases that look like this one."""

    # Forms are read by our own parser, which writes nothing to a disk.
    parser_classes = [BoundedJsonParser, MultiPartParser]

    @extend_schema(
        operation_id="similar",
        request={
            "application/json": SimilarQuerySchema,
            "multipart/form-data": SimilarFormSchema,
        },
        responses={200: SimilarAnswerSchema},
    )
    def post(self, request: Request) -> Response:
        """Rank what the asker may see by its likeness to stored objects, an image, a text."""
        image = b""
        data: Any
        if request.content_type.startswith("multipart/"):
            data, image = read_form(request._request)  # noqa: SLF001 the unread stream
        else:
            data = request.data
        schema = SimilarQuerySchema(data=data)
        schema.is_valid(raise_exception=True)
        query = similar_query(schema.validated_data, image)
        session = schema.validated_data.get("session")
        if session is None:
            answer = search_similar(request.user, query, asker=_asker(request))
        else:
            _require_write(request)
            answer = ask_in_session(request.user, session, query, asker=_asker(request))
        return Response(similar_answer_json(request.user, answer, session=session))


def _require_write(request: Request) -> None:
    """Asking is reading; what is kept of it is not."""
    token = getattr(request._request, "token", None)  # noqa: SLF001 as the middleware left it
    if token is not None and "write" not in token.scopes:
        raise NotAllowedError("This token lacks the scope 'write', which a session needs.")
