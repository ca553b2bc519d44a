"""The page of suspected mix-ups: for radiology admins, who settle them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.audit import services as audit
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html
from archive.query.picture_words import pictures_in_words
from inference.similarity.suspicions.selectors import list_suspicions
from inference.similarity.suspicions.services import settle_suspicion

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

STATES = {
    "open": pgettext_lazy("not decided", "Open"),
    "confirmed": _("Confirmed"),
    "dismissed": _("Dismissed"),
}


@require_safe
@speaks_html
def check_list(request: HttpRequest) -> HttpResponse:
    """Show what looks like a mix-up, or what was settled."""
    state = request.GET.get("state", "open")
    state = state if state in STATES else "open"
    suspicions = list_suspicions(request.user, state=state)
    sides = [side for one in suspicions for side in (one.side, one.other) if side]
    context = {
        "suspicions": suspicions,
        "words": pictures_in_words(request.user, [side.series_uid for side in sides]),
        "state": state,
        "states": STATES,
    }
    # Patients are named here; their pictures are on record as they are fetched.
    details = {"state": state, "results": len(suspicions)}
    audit.record_query(asker_of(request), what="suspicions", details=details)
    return render(request, "similarity/checks.html", context)


@require_POST
@speaks_html
def check_settle(request: HttpRequest, suspicion_id: int) -> HttpResponse:
    """Confirm, dismiss or reopen one."""
    try:
        settle_suspicion(
            actor=request.user,
            suspicion_id=suspicion_id,
            state=request.POST.get("state", ""),
            note=request.POST.get("note", ""),
            asker=asker_of(request),
        )
    except InvalidRequestError as error:
        messages.error(request, error.message)
    return redirect("similarity:check-list")
