"""STOW-RS (PS3.18 10.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.access import selectors as access
from archive.access.problems import RETRY_AFTER_S
from archive.access.scopes import requires_scope
from archive.curation.types import ObjectPath
from archive.dicom.uids import is_valid_uid
from archive.dicomweb.media_types import DICOM_JSON, DICOM_XML, JSON, Offer
from archive.dicomweb.renderers import dicom_json_response
from archive.dicomweb.statuses import http_status, store_status
from archive.dicomweb.store_request import deliver_body
from archive.dicomweb.store_results import render_store
from archive.dicomweb.views.answers import agreed, base_url, dicomweb_view
from archive.dicomweb.views.objects import delete
from archive.dicomweb.views.retrieving import retrieve_many
from archive.dicomweb.views.searching import search
from archive.errors import InvalidRequestError, LimitExceededError
from archive.ingest.deliveries import Delivery
from archive.ingest.quarantine import quarantine_without_bytes
from archive.ingest.types import Origin
from archive.query.types import Level

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from archive.ingest.types import IngestResult

_OFFERS = (Offer(DICOM_JSON), Offer(JSON), Offer(DICOM_XML))
# Statuses of a refused request that are about its content, not about how it was sent.
_RECORDED = {400, 413}


@dicomweb_view("GET", "POST")
def studies(request: HttpRequest) -> HttpResponseBase:
    """Search (GET) or store (POST) studies."""
    if request.method == "POST":
        return _store(request, None)
    return search(request, Level.STUDY)


@requires_scope("admin", methods={"DELETE"})
@dicomweb_view("GET", "POST", "DELETE")
def study_object(request: HttpRequest, study: str) -> HttpResponseBase:
    """Retrieve a study, add to it, or delete it."""
    if request.method == "POST":
        return _store(request, study)
    if request.method == "DELETE":
        return delete(request, ObjectPath(study))
    return retrieve_many(request, study=study)


def _store(request: HttpRequest, study: str | None) -> HttpResponseBase:
    offer = agreed(request, _OFFERS).offer
    if study is not None and not is_valid_uid(study):
        raise InvalidRequestError("The path's study is not a UID.")
    origin = _origin(request, study or "")
    try:
        results = _stored(request, origin)
    except (InvalidRequestError, LimitExceededError) as error:
        if http_status(error) in _RECORDED:
            size = request.META.get("CONTENT_LENGTH") or ""
            quarantine_without_bytes(
                name="request",
                error=error,
                origin=origin,
                size_bytes=int(size) if size.isdigit() else 0,
            )
        raise
    content = render_store(results, base_url(request), offer.name)
    response = dicom_json_response(content, store_status(results))
    if offer.name == DICOM_XML:
        response.headers["Content-Type"] = DICOM_XML
    if response.status_code == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _stored(request: HttpRequest, origin: Origin) -> list[IngestResult]:
    with Delivery(origin, is_unpacking=False) as delivery:
        deliver_body(request, delivery)
        results = delivery.finish()
    if not results:
        raise InvalidRequestError("The request holds no instances.", code="empty")
    return results


def _origin(request: HttpRequest, study_instance_uid: str) -> Origin:
    """Say who stores, into the token's project, else the user's only one."""
    token = getattr(request, "token", None)
    project = (token.project if token else None) or access.home_project(request.user)
    access.require_may_store(request.user, project)
    return Origin(
        door="dicomweb",
        actor=request.user,  # type: ignore[arg-type]  # anonymous askers don't get here
        source=request.user.get_username(),
        project=project,
        address=request.META.get("REMOTE_ADDR"),
        token_hint=token.hint if token else "",
        study_instance_uid=study_instance_uid,
    )
