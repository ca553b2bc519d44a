"""What the endpoints of the worklist have in common: media types, and Warning headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rest_framework.renderers import JSONRenderer

from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from archive.dicomweb.views.answers import base_url, capabilities
from archive.errors import ArchiveError
from inference.api.workitem_parsers import DicomJsonParser, DicomXmlParser
from inference.api.workitem_renderers import (
    DicomJsonRenderer,
    DicomXmlRenderer,
    MultipartXmlRenderer,
)
from inference.workitems.errors import (
    TransactionUidError,
    WorkitemError,
    WorkitemExistsError,
    WorkitemFinalError,
    WorkitemNotClaimedError,
)

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response

    from archive.audit.types import Asker

CREATED_MODIFIED = "The Workitem was created with modifications."
ALREADY = "The UPS is already in the requested state of {}."
_INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
_INCONSISTENT_UPDATE = (
    "The submitted request is inconsistent with the current state of the Workitem."
)
_UNCLAIMED = "The target URI did not reference a claimed Workitem."
_MISSING = "The Transaction UID is missing."
_INCORRECT = "The Transaction UID is incorrect."


class WorkitemEndpoint(Endpoint):
    """An endpoint of the worklist: what is refused says so in a Warning, too (PS3.18 11)."""

    renderer_classes = [DicomJsonRenderer, JSONRenderer, DicomXmlRenderer, MultipartXmlRenderer]
    parser_classes = [DicomJsonParser, BoundedJsonParser, DicomXmlParser]
    is_update = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Take the representation that the address asks for before that of the head."""
        if wanted := request.query_params.get("accept"):
            request._request.META["HTTP_ACCEPT"] = wanted  # noqa: SLF001 DRF's documented way
        super().initial(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 as DRF has it
        """Leave it to the capabilities what they are told in."""
        return super().perform_content_negotiation(request, force or request.method == "OPTIONS")

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell what can be done here and below, as everywhere in the service."""
        del args, kwargs
        return capabilities(request._request, self.allowed_methods)  # noqa: SLF001 as below

    def handle_exception(self, exc: Exception) -> Response:
        """Answer as everywhere, with the Warning that the standard wants."""
        response: Response = super().handle_exception(exc)
        if isinstance(exc, WorkitemFinalError | WorkitemNotClaimedError) and self.is_update:
            response.status_code = HTTPStatus.BAD_REQUEST
            response.data["status"] = int(HTTPStatus.BAD_REQUEST)
            response.data["title"] = HTTPStatus.BAD_REQUEST.phrase
        if isinstance(exc, ArchiveError) and (text := self._warning_of(exc)):
            warn(response, self.request, text)
        return response

    def _warning_of(self, error: ArchiveError) -> str:
        if isinstance(error, TransactionUidError):
            return _MISSING if error.code == "transaction-uid-missing" else _INCORRECT
        if isinstance(error, WorkitemNotClaimedError) and self.is_update:
            return _UNCLAIMED
        if isinstance(error, WorkitemError) and not isinstance(error, WorkitemExistsError):
            return _INCONSISTENT_UPDATE if self.is_update else _INCONSISTENT
        return ""


def warn(response: Response, request: Request, text: str) -> None:
    """Add a Warning of the service."""
    response["Warning"] = f"299 {service_of(request)}: {text}"


def service_of(request: Request) -> str:
    """Return the address of the DICOMweb service."""
    return base_url(request._request)  # noqa: SLF001 DRF's documented way


def asker_of(request: Request) -> Asker:
    """Return who asks, for the audit trail."""
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001
