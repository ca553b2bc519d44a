"""The similar page: parse, ask the search, render."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from archive.portal.statuses import speaks_html
from archive.query.case_header import case_header
from archive.query.worklist import visible_body_parts, visible_modalities
from inference.portal.forms import K_CHOICES, PictureForm, SimilarForm
from inference.portal.statuses import EXPECTED, Problem, problem_of
from inference.portal.uploads import keep_in_memory
from inference.similarity.services import search_similar

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from inference.similarity.types import SimilarQuery


@require_safe
@speaks_html
def similar_page(request: HttpRequest) -> HttpResponse:
    """Show the case in hand and the cases that look like it; htmx gets the grid alone."""
    form = SimilarForm(request.GET)
    context: dict[str, Any] = {"form": form}
    if form.has_object:
        named = {name: form.value(name) or "" for name in ("study", "series", "instance")}
        context["case"] = case_header(
            request.user,
            study_uid=named["study"],
            series_uid=named["series"],
            instance_uid=named["instance"],
        )
        context |= _answer(request, form.query())
    if request.headers.get("HX-Request"):
        return render(request, "similarity/_results.html", context)
    context |= {
        "modalities": visible_modalities(request.user),
        "body_parts": visible_body_parts(request.user),
        "k_choices": K_CHOICES,
    }
    return render(request, "similarity/similar_page.html", context)


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
    if picture.is_valid():
        context |= _answer(request, form.query(image=picture.cleaned_data["image"].read()))
    else:
        context["problem"] = Problem("No picture", picture.errors.as_text())
    return render(request, "similarity/_results.html", context)


def _answer(request: HttpRequest, query: SimilarQuery) -> dict[str, Any]:
    asker = getattr(request, "asker", None)
    try:
        return {"answer": search_similar(request.user, query, asker=asker)}
    except EXPECTED as error:
        return {"problem": problem_of(error)}
