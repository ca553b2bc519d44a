"""The worklist of results to review, and the page on which one is decided."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import may_review_any
from archive.errors import InvalidRequestError, NotAllowedError, StorageError
from archive.portal.panels import marks_context
from archive.portal.statuses import speaks_html
from archive.portal.viewer import viewer_context
from archive.query.picture_words import pictures_in_words
from archive.retrieve.trail import note_access
from inference.portal.review_forms import ReviewFiltersForm, address_of, corrections_of
from inference.portal.review_lines import lines_of, summary_of
from inference.review.selectors import neighbours, result_to_review, review_page
from inference.review.services import review_result
from inference.review.types import Scope, Standing

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from inference.review.types import Result, ReviewFilters

STANDINGS = {
    "waiting": _("Waiting"),
    "accepted": _("Accepted"),
    "edited": _("Corrected"),
    "rejected": _("Rejected"),
    "all": _("All"),
}
ORDERS = {
    "urgent": _("Most urgent first"),
    "unsure": _("Least sure first"),
    "newest": _("Newest first"),
}
TONES = {"accepted": "ok", "edited": "twin", "rejected": "bad", "waiting": ""}


@require_safe
@speaks_html
def review_list(request: HttpRequest) -> HttpResponse:
    """Show results that wait for a person, or what became of them."""
    if not may_review_any(request.user):
        raise NotAllowedError(gettext("Only clinicians and radiology admins review results."))
    filters = _filters(request)
    number = request.GET.get("page", "")
    number = number if number.isascii() and number.isdigit() else "1"
    page = review_page(request.user, filters, page=int(number[:6]))
    context = {
        "page": page,
        "rows": [_row(result) for result in page.results],
        # What the model said stands beside the picture already.
        "words": pictures_in_words(
            request.user, [result.series_uid for result in page.results], has_findings=False
        ),
        "filters": filters,
        "standings": _links(filters),
        "orders": ORDERS,
        "query": _query(filters),
        "scope_url": _scope_url(filters),
    }
    return render(request, "review/review_list.html", context)


@require_safe
@speaks_html
def review_detail(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show a result beside the images that it is about."""
    result = result_to_review(request.user, run_id)
    note_access(asker_of(request), result.study_uid, "review")
    return _detail(request, result)


@require_POST
@speaks_html
def review_decide(request: HttpRequest, run_id: int) -> HttpResponse:
    """Accept, correct or reject, and go on to the next."""
    filters = _filters(request)
    _, after = neighbours(request.user, filters, run_id)
    try:
        review = review_result(
            asker=asker_of(request),
            run_id=run_id,
            decision=request.POST.get("decision", ""),
            reason=request.POST.get("reason", ""),
            corrections=_corrections(request),
            last_review=_last(request),
        )
    except (InvalidRequestError, StorageError) as error:
        messages.error(request, error.message)
        answer = _detail(request, result_to_review(request.user, run_id))
        answer.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return answer
    said = {
        "decision": STANDINGS[review.decision],
        "model": review.run.model_version.name,
        "series": review.run.series.modality or gettext("a series"),
    }
    messages.success(request, gettext("%(decision)s: %(model)s on %(series)s.") % said)
    if after is None or after == run_id:
        return redirect(reverse("worklist:review-list", query=address_of(filters)))
    return redirect(reverse("worklist:review-detail", args=(after,), query=address_of(filters)))


def _filters(request: HttpRequest) -> ReviewFilters:
    return ReviewFiltersForm(request.GET).filters()


def _query(filters: ReviewFilters) -> str:
    """Return the filters as the end of an address."""
    return reverse("worklist:review-list", query=address_of(filters)).partition("?")[2]


def _corrections(request: HttpRequest) -> Any:
    return corrections_of(request.POST) if request.POST.get("decision") == "edited" else ()


def _last(request: HttpRequest) -> int | None:
    text = request.POST.get("last_review", "")
    return int(text[:18]) if text.isascii() and text.isdigit() else None


def _links(filters: ReviewFilters) -> list[tuple[str, str, bool]]:
    others = {name: text for name, text in address_of(filters).items() if name != "standing"}
    return [
        (
            str(label),
            reverse("worklist:review-list", query={**others, "standing": value}),
            value == filters.standing,
        )
        for value, label in STANDINGS.items()
    ]


def _scope_url(filters: ReviewFilters) -> str:
    """Return where all that waits is listed, or again what tells something."""
    other = Scope.TELLING if filters.scope is Scope.ALL else Scope.ALL
    return reverse("worklist:review-list", query=address_of(replace(filters, scope=other)))


def _row(result: Result) -> dict[str, Any]:
    return {
        "result": result,
        "summary": summary_of(result),
        "standing": STANDINGS[result.standing],
        "tone": TONES[result.standing],
    }


def _detail(request: HttpRequest, result: Result) -> HttpResponse:
    filters = _filters(request)
    before, after = neighbours(request.user, filters, result.run)
    context = {
        **viewer_context(request.user, result.study_uid, result.series_uid),
        **marks_context(result.series_uid),
        "overlays_url": reverse(
            "portal:series-overlays", args=(result.study_uid, result.series_uid)
        ),
        "result": result,
        "lines": lines_of(result, request.POST),
        "reason": request.POST.get("reason", ""),
        "is_editing": request.POST.get("decision") == "edited",
        "last_review": result.history[0].pk if result.history else 0,
        "history": [(one, STANDINGS[one.decision], TONES[one.decision]) for one in result.history],
        "is_waiting": result.standing is Standing.WAITING,
        "before": before,
        "after": after,
        "query": _query(filters),
    }
    return render(request, "review/review_detail.html", context)
