"""Two descriptions under one Patient ID: one person, or two, as a radiology admin says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from archive.access.middleware import asker_of
from archive.corrections.identities import decide_different, decide_same
from archive.errors import InvalidRequestError, NotVisibleError, StateConflictError
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_POST
@speaks_html
def identity_decide(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Say that they are one person, or give the later one an ID of their own."""
    asker, reason = asker_of(request), request.POST.get("reason", "")
    try:
        if act == "same":
            decide_same(
                asker=asker, patient_id=pk, keeps=request.POST.get("keeps", ""), reason=reason
            )
            messages.success(request, _("They are one patient now."))
        elif act == "different":
            decide_different(
                asker=asker,
                patient_id=pk,
                new_id=request.POST.get("patient_id", ""),
                reason=reason,
            )
            messages.success(request, _("They are two patients, each with an ID."))
        else:
            raise NotVisibleError(_("There is no such act."))
    except (InvalidRequestError, StateConflictError) as error:
        messages.error(request, error.message)
    return redirect("portal:identity-list")
