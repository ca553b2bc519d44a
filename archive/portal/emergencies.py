"""Emergency access: asked for, ended, reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from archive.access.break_glass import (
    begin_emergency,
    emergency_list,
    end_emergency,
    may_break_glass,
    may_review_emergencies,
    review_emergency,
)
from archive.access.middleware import asker_of
from archive.accounts.stepup import requires_recent_login
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.portal.sharing_forms import EmergencyForm, ReviewForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@requires_recent_login
@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def emergency_page(request: HttpRequest) -> HttpResponse:
    """List emergency accesses; open a patient by the exact ID."""
    user = request.user
    may_begin, may_review = may_break_glass(user), may_review_emergencies(user)
    if not (may_begin or may_review):
        raise NotAllowedError(
            _("Only clinicians and radiology admins open a patient in an emergency.")
        )
    form = EmergencyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            opened = _begin(request, form.cleaned_data)
        except (
            InvalidRequestError,
            LimitExceededError,
            NotVisibleError,
            StateConflictError,
        ) as error:
            form.add_error(None, error.message)
        else:
            return redirect(opened)
    rows = emergency_list(user)
    context: dict[str, Any] = {
        "form": form,
        "rows": [(row, may_review and row.username != user.get_username()) for row in rows],
        "may_begin": may_begin,
        "may_review": may_review,
        "minutes": settings.TWINSIGHT_EMERGENCY_MINUTES,
    }
    status = 422 if form.errors else 200
    return render(request, "sharing/emergencies.html", context, status=status)


def _begin(request: HttpRequest, said: dict[str, Any]) -> str:
    """Open the patient; return the page of one of the studies."""
    opened = begin_emergency(
        asker=asker_of(request),
        patient_id=said["patient_id"],
        issuer=said["issuer"] or None,
        reason=said["reason"],
    )
    studies = [uid for one in opened for uid in one.study_uids]
    messages.warning(request, _("Open until %(time)s. It is on record, and others were told.") % {
        "time": opened[0].ends_at.strftime("%H:%M UTC")
    })  # fmt: skip
    return f"/studies/{studies[0]}/" if studies else "portal:emergency-list"


@require_POST
@speaks_html
def emergency_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Close one's own access."""
    end_emergency(asker=asker_of(request), emergency_id=pk)
    messages.success(request, _("Closed."))
    return redirect("portal:emergency-list")


@require_POST
@speaks_html
def emergency_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Say whether somebody else's access was right."""
    form = ReviewForm(request.POST)
    if form.is_valid():
        review_emergency(
            asker=asker_of(request),
            emergency_id=pk,
            is_justified=form.cleaned_data["verdict"] == "right",
            note=form.cleaned_data["note"],
        )
    else:
        messages.error(request, _("Say whether it was justified."))
    return redirect("portal:emergency-list")
