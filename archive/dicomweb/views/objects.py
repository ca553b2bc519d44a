"""The resources study, series and instance: retrieved (PS3.18 10.4), deleted (our extension)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from archive.access.scopes import requires_scope
from archive.curation.removals import remove_objects
from archive.curation.types import ObjectPath
from archive.dicomweb.views.answers import dicomweb_view
from archive.dicomweb.views.retrieving import retrieve_instance, retrieve_many

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_REASON = "Deleted through DICOMweb."


@requires_scope("admin", methods={"DELETE"})
@dicomweb_view("GET", "DELETE")
def series_object(request: HttpRequest, study: str, series: str) -> HttpResponseBase:
    """Retrieve a series, or delete it."""
    if request.method == "DELETE":
        return delete(request, ObjectPath(study, series))
    return retrieve_many(request, study=study, series=series)


@requires_scope("admin", methods={"DELETE"})
@dicomweb_view("GET", "DELETE")
def instance_object(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    """Retrieve an instance, or delete it."""
    if request.method == "DELETE":
        return delete(request, ObjectPath(study, series, instance))
    return retrieve_instance(request, study=study, series=series, instance=instance)


def delete(request: HttpRequest, path: ObjectPath) -> HttpResponse:
    """Delete what the path leads to, for the reason that the query gives; nothing comes back."""
    remove_objects(
        asker=request.asker,  # type: ignore[attr-defined]
        path=path,
        reason=request.GET.get("reason", "").strip() or _REASON,
    )
    return HttpResponse(status=204)
