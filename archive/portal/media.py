"""Studies as a medium: chosen on lists, or all of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError, LimitExceededError
from archive.inbox.media import services
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_POST
@speaks_html
def medium(request: HttpRequest) -> HttpResponse:
    """Give the named studies, or a collection's, as a ZIP with a DICOMDIR."""
    asker = asker_of(request)
    uids = request.POST.getlist("study")
    collection = request.POST.get("collection", "")
    if collection:
        if not (collection.isascii() and collection.isdecimal() and len(collection) < 10):
            raise Http404("There is no such collection.")
        uids = services.collection_studies(asker=asker, collection_id=int(collection))
    try:
        made = services.write_medium(
            asker=asker,
            study_uids=uids,
            keeps_compression=request.POST.get("compression") == "keep",
        )
    except (InvalidRequestError, LimitExceededError) as error:
        messages.error(request, error.message)
        return redirect("portal:study-list")
    response = StreamingHttpResponse(made.chunks, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return cast("HttpResponse", response)
