"""Filters of the study list under names: kept, renamed, made the first one, dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from archive.portal.collections import says_what_is_wrong
from archive.portal.worklist_columns import list_address
from archive.query.worklist import newest_study_key
from archive.query.worklist_choices import (
    drop_filter,
    follow_filter,
    keep_filter,
    kept_filters,
    rename_filter,
    set_default_filter,
)

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_LEFT_OUT = ("page", "after", "before", "since", "all")


@require_safe
def filter_list(request: HttpRequest) -> HttpResponse:
    """Show a person's filters."""
    user: Any = request.user
    kept = [(one, _in_words(one.query)) for one in kept_filters(user)]
    return render(request, "worklist/filter_list.html", {"kept": kept})


@require_POST
@says_what_is_wrong
def filter_keep(request: HttpRequest) -> HttpResponse:
    """Keep what the list is narrowed to."""
    user: Any = request.user
    query = QueryDict(request.POST.get("query", "")[:4000], mutable=True)
    for name in _LEFT_OUT:
        query.pop(name, None)
    for name in [name for name in query if not any(query.getlist(name))]:
        query.pop(name)
    name = request.POST.get("name", "")
    keep_filter(user, name=name, query=query.urlencode())
    messages.success(request, _("The filter is kept."))
    return redirect(list_address(query.urlencode()))


@require_POST
@says_what_is_wrong
def filter_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Rename a filter, begin with it or no more, follow it or no more, or drop it."""
    user: Any = request.user
    if act == "rename":
        rename_filter(user, pk, name=request.POST.get("name", ""))
    elif act == "drop":
        drop_filter(user, pk)
    elif act in {"default", "undefault"}:
        set_default_filter(user, pk, is_default=act == "default")
    elif act in {"follow", "unfollow"}:
        seen = newest_study_key()
        follow_filter(user, pk, is_followed=act == "follow", seen_up_to=seen)
    else:
        raise Http404("There is no such act.")
    return redirect("portal:filter-list")


def _in_words(query: str) -> str:
    """Return what a filter narrows the list to, without the names of its fields."""
    said = (value for _name, values in QueryDict(query).lists() for value in values if value)
    return " · ".join(said)
