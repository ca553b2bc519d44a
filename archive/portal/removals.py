"""What was deleted or rejected: listed, deleted, brought back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import require_radiology_admin
from archive.accounts.stepup import requires_recent_login
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.selectors import is_removable, removal_page
from archive.curation.types import ObjectPath
from archive.dicom.uids import is_valid_uid
from archive.errors import (
    InvalidRequestError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.portal.statuses import speaks_html
from archive.query.study_overview import study_overview

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
@speaks_html
def removal_list(request: HttpRequest) -> HttpResponse:
    """Show what was deleted and what notes rejected, newest first."""
    require_radiology_admin(request.user)
    page = removal_page(request.user, request.GET.get("page"))
    context = {
        "page": page,
        "days": settings.TWINSIGHT_PURGE_AFTER_DAYS,
        "previous_url": f"?page={page.number - 1}" if page.has_previous() else "",
        "next_url": f"?page={page.number + 1}" if page.has_next() else "",
    }
    return render(request, "portal/removal_list.html", context)


@requires_recent_login
@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def removal_new(request: HttpRequest) -> HttpResponse:
    """Ask what of a study to delete and why, and do so."""
    given = request.POST if request.method == "POST" else request.GET
    study = given.get("study", "")
    if not is_valid_uid(study):
        raise NotVisibleError(gettext("There is no such study."))
    context: dict[str, Any] = {
        "overview": study_overview(request.user, study),
        "series_uid": given.get("series", ""),
        "days": settings.TWINSIGHT_PURGE_AFTER_DAYS,
    }
    if not is_removable(request.user, study):
        raise NotAllowedError(
            gettext("Only a radiology admin of all its projects may delete this.")
        )
    if request.method != "POST":
        return render(request, "portal/removal_new.html", context)
    path = ObjectPath(study, given.get("series") or None)
    try:
        removal = remove_objects(asker=asker_of(request), path=path, reason=given.get("reason", ""))
    except InvalidRequestError as error:
        return render(request, "portal/removal_new.html", {**context, "error": error.message})
    except StateConflictError as error:
        context["error"] = error.message
        return render(request, "portal/removal_new.html", context, status=HTTPStatus.CONFLICT)
    number = removal.number_of_instances
    said = ngettext("Deleted: %(n)s object.", "Deleted: %(n)s objects.", number)
    messages.success(request, said % {"n": number})
    return redirect("portal:removal-list")


@require_POST
@speaks_html
def removal_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring back what a removal took away."""
    try:
        removal = undo_removal(asker=asker_of(request), removal_id=pk)
        number = removal.number_of_instances
        said = ngettext("Brought back: %(n)s object.", "Brought back: %(n)s objects.", number)
        messages.success(request, said % {"n": number})
    except StateConflictError as error:
        messages.error(request, error.message)
    return redirect("portal:removal-list")
