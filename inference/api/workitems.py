"""UPS-RS (PS3.18 section 11), to be read: runs as a worklist system looks for them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from archive.audit.services import record_query
from archive.errors import InvalidRequestError
from archive.retrieve.trail import note_access
from inference.runs.workitems import find_workitem, list_workitems, workitem_json

if TYPE_CHECKING:
    from django.http import QueryDict
    from rest_framework.request import Request

    from archive.audit.types import Asker

_STATE = ("ProcedureStepState", "00741000")
_STUDY = ("StudyInstanceUID", "0020000D")
_PAGING = ("limit", "offset")
_MOST = 200


class DicomJsonRenderer(JSONRenderer):
    """DICOM JSON."""

    media_type = "application/dicom+json"
    format = "dicom"


class WorkitemsView(Endpoint):
    """Search for workitems."""

    renderer_classes = [DicomJsonRenderer, JSONRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """List runs by Procedure Step State and Study Instance UID, the newest first."""
        query = request.query_params
        known = {*_STATE, *_STUDY, *_PAGING, "includefield"}
        if unknown := sorted(set(query) - known):
            raise InvalidRequestError(f"Workitems are not searched by {unknown[0][:64]}.")
        state, study_uid = _first(query, _STATE), _first(query, _STUDY)
        found = list_workitems(request.user, state=state, study_uid=study_uid)
        start = _number(query, "offset", 0)
        rows = found[start : start + min(_number(query, "limit", _MOST), _MOST)]
        record_query(_asker(request), what="search-workitems", details={"state": state[:16]})
        body = [workitem_json(run) for run in rows]
        return Response(body) if body else Response(status=HTTPStatus.NO_CONTENT)


class WorkitemView(Endpoint):
    """Retrieve a workitem."""

    renderer_classes = [DicomJsonRenderer, JSONRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request, uid: str) -> Response:
        """Show one run with the images it was about and the objects it stored."""
        run = find_workitem(request.user, uid)
        note_access(_asker(request), run.study.study_instance_uid, "workitem")
        return Response([workitem_json(run, is_full=True)])


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def _first(query: QueryDict, names: tuple[str, ...]) -> str:
    text = next((str(query[name]) for name in names if name in query), "")
    if "\x00" in text:
        raise InvalidRequestError("A value holds a NUL.")
    return text


def _number(query: QueryDict, name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequestError(f"{name} is a whole number.")
    return int(text)
