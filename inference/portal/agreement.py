"""How people agree: with the models whose results they review, and among themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from archive.access.selectors import may_review_any
from archive.errors import NotAllowedError
from archive.portal.statuses import speaks_html
from inference.portal.agreement_figures import card_of
from inference.review.agreement import agreement_over_time
from inference.training.agreement import readers_agreement, shared_label_sets

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_MAX_NAME = 64


@require_safe
@speaks_html
def agreement_page(request: HttpRequest) -> HttpResponse:
    """Show agreement with models over time, and readers' kappa for one set of labels."""
    if not may_review_any(request.user):
        raise NotAllowedError(
            gettext("Only clinicians and radiology admins see how readers agree.")
        )
    found = agreement_over_time(request.user)
    label_sets = shared_label_sets(request.user)
    chosen = request.GET.get("label_set", "")[:_MAX_NAME]
    chosen = chosen if chosen in label_sets else next(iter(label_sets), "")
    context = {
        "cards": [card_of(one, is_by_month=found.is_by_month) for one in found.models],
        "is_by_month": found.is_by_month,
        "label_sets": label_sets,
        "label_set": chosen,
        "readers": readers_agreement(request.user, chosen) if chosen else None,
    }
    return render(request, "review/agreement.html", context)
