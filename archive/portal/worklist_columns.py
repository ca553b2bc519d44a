"""The study list's columns: their headings, their order, and the form that chooses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from archive.portal.collections import says_what_is_wrong
from archive.query.worklist_choices import COLUMNS, choose_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

HEADINGS = {
    "date": _("Study date"),
    "modality": _("Modality"),
    "description": _("Description"),
    "accession": _("Accession"),
    "images": _("Objects"),
    "status": _("AI and review"),
    "received": _("Received"),
    "referrer": _("Referrer"),
    "body": _("Body part"),
    "birth": _("Birth date"),
}


@dataclass(frozen=True)
class Heading:
    """A column that may be chosen."""

    key: str
    label: str | _StrPromise
    is_chosen: bool


def headings(chosen: Sequence[str]) -> list[Heading]:
    """Return all columns: those that are chosen first, in their order."""
    rest = [key for key in COLUMNS if key not in chosen]
    return [
        *(Heading(key, HEADINGS[key], is_chosen=True) for key in chosen),
        *(Heading(key, HEADINGS[key], is_chosen=False) for key in rest),
    ]


@require_POST
@says_what_is_wrong
def columns_choose(request: HttpRequest) -> HttpResponse:
    """Keep which columns are shown, in the order they are sent in."""
    user: Any = request.user
    names = [] if "usual" in request.POST else request.POST.getlist("column")
    choose_columns(user, names)
    return redirect(list_address(request.POST.get("query", "")))


def list_address(query: str) -> str:
    """Return the study list under a query string that a form carried along."""
    kept = QueryDict(query[:2000]).urlencode()
    return f"{reverse('portal:study-list')}?{kept or 'all'}"
