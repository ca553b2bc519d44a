"""The similar page: parse, ask the search, render."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from archive.portal.frame_first import render_frame_first
from archive.portal.statuses import speaks_html
from inference.portal.addresses import page_address, tidy, with_example
from inference.portal.forms import UID, PictureForm, SimilarForm
from inference.portal.question import (
    asked_case,
    choices,
    stage_data,
    state_context,
    suggestions,
    words_of,
)
from inference.portal.rounds import next_round
from inference.portal.statuses import EXPECTED, Problem, problem_of
from inference.portal.uploads import keep_in_memory
from inference.similarity.services import search_similar

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from archive.query.case_header import CaseHeader
    from inference.similarity.types import SimilarAnswer, SimilarQuery


@require_safe
@speaks_html
def similar_page(request: HttpRequest) -> HttpResponseBase:
    """Show the case in hand and the cases that look like it; htmx gets the grid alone."""
    form = SimilarForm(request.GET)
    context: dict[str, Any] = {"form": form}
    context |= state_context(request.user, form, tidy(request.GET))
    case = asked_case(request.user, form) if form.has_object else None
    if request.headers.get("HX-Request"):
        context |= _found(request, form, context, case)
        return render(request, "similarity/_results.html", context)

    def rest() -> dict[str, Any]:
        whole = context | _found(request, form, context, case)
        if case:
            whole |= {"case": case, "stage": stage_data(request.user, form, case)}
        return whole | choices(request.user, form)

    if context["positive"] or context["negative"]:
        # Examples outside the rights are found by the search alone: the status waits for it.
        return render(request, "similarity/similar_page.html", rest())
    return render_frame_first(request, "similarity/similar_page.html", rest)


@require_safe
def facet_lists(request: HttpRequest) -> HttpResponse:
    """Show what the filters suggest; fetched when they are first opened."""
    return render(request, "similarity/_facet_lists.html", suggestions(request.user))


@require_POST
@speaks_html
def give_feedback(request: HttpRequest) -> HttpResponse:
    """Take a hit as an example for or against, and lead to the next round."""
    before = tidy(QueryDict(request.POST.get("state", "")))
    after = before
    for name in ("positive", "negative"):
        uid = request.POST.get(name, "")
        if UID.match(uid):
            after = with_example(after, name, uid)
    return redirect(page_address(next_round(request.user, before, after)))


@csrf_exempt  # checked below: Django's own check would read the picture to a file first
@require_POST
def similar_to_picture(request: HttpRequest) -> HttpResponse:
    """Show the cases that look like a picture, which is kept nowhere."""
    keep_in_memory(request)
    return _similar_to_picture(request)


@csrf_protect
@speaks_html
def _similar_to_picture(request: HttpRequest) -> HttpResponse:
    form = SimilarForm(request.POST)
    picture = PictureForm(request.POST, request.FILES)
    context: dict[str, Any] = {"form": form, "is_picture": True}
    context |= state_context(request.user, form, tidy(request.POST))
    if picture.is_valid():
        context |= _answer(request, form.query(image=picture.cleaned_data["image"].read()))
    else:
        context["problem"] = Problem(gettext("No picture"), picture.errors.as_text())
    context["words"] = words_of(request.user, context, None)
    return render(request, "similarity/_results.html", context)


def _reference(form: SimilarForm, answer: SimilarAnswer | None) -> str:
    """Return the query's image to compare with: the one in hand, else the most alike of it."""
    if uid := form.value("instance"):
        return f"{uid}:{form.value('frame')}" if form.value("frame") else str(uid)
    for hit in answer.results if answer else ():
        if hit.explain and hit.explain.best_pair:
            return hit.explain.best_pair.query_instance_uid
    return ""


def _found(
    request: HttpRequest, form: SimilarForm, context: dict[str, Any], case: CaseHeader | None
) -> dict[str, Any]:
    """Return what the grid shows: the answer to the question, where there is one."""
    found: dict[str, Any] = {}
    if form.has_question:
        found |= _answer(request, form.query())
        found["reference"] = _reference(form, found.get("answer"))
    found["words"] = words_of(request.user, context | found, case)
    return found


def _answer(request: HttpRequest, query: SimilarQuery) -> dict[str, Any]:
    asker = getattr(request, "asker", None)
    try:
        return {"answer": search_similar(request.user, query, asker=asker)}
    except EXPECTED as error:
        return {"problem": problem_of(error, is_space_named=bool(query.space))}
