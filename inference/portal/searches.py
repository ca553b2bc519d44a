"""Saved searches: kept, opened, shared, watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.errors import InvalidRequestError, LimitExceededError
from archive.portal.statuses import speaks_html
from archive.query.case_header import case_headers
from archive.query.picture_words import pictures_in_words
from inference.portal.addresses import EXAMPLES, page_address, tidy, without
from inference.portal.chips import chips_of
from inference.portal.forms import SaveForm, SimilarForm
from inference.portal.question import named_case
from inference.portal.rounds import state_of_search, state_of_shown, stepped
from inference.similarity.searches.matches import mark_seen, unseen_matches
from inference.similarity.searches.saving import delete, save_search
from inference.similarity.searches.selectors import (
    current_query,
    get_search,
    list_searches,
    projects_to_share_in,
    shown_queries,
)
from inference.similarity.searches.sessions import add_round, start_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from archive.models.querysets import AnyUser
    from archive.query.case_header import CaseHeader
    from inference.models import SearchMatch, SearchSession
    from inference.portal.chips import Chip

SHOWN_MATCHES = 6


@dataclass
class SearchLine:
    """One saved search as the list shows it."""

    session: SearchSession
    is_own: bool
    case: CaseHeader | None
    chips: list[Chip]
    examples: int
    level: str
    matches: list[SearchMatch] = field(default_factory=list)

    @property
    def shown_matches(self) -> list[SearchMatch]:
        """Return the newest of what is new."""
        return self.matches[:SHOWN_MATCHES]


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def search_list(request: HttpRequest) -> HttpResponse:
    """Show the saved searches with what is new in them; POST saves the one in hand."""
    if request.method == "POST":
        return _save(request)
    unseen: dict[int, list[SearchMatch]] = {}
    for match in unseen_matches(request.user):
        unseen.setdefault(match.session_id, []).append(match)
    lines = _lines(request.user, list_searches(request.user), unseen)
    asked = [line.case.series.series_uid for line in lines if line.case and line.case.series]
    found = [one.series.series_instance_uid for line in lines for one in line.shown_matches]
    context = {
        "lines": lines,
        "projects": projects_to_share_in(request.user),
        "words": pictures_in_words(request.user, [*asked, *found]),
    }
    return render(request, "similarity/searches.html", context)


@require_safe
@speaks_html
def search_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a saved search again, with the rights of who opens it."""
    session = get_search(request.user, pk)
    return redirect(page_address(state_of_search(request.user, session)))


@require_POST
@speaks_html
def search_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a search, share it, or watch for new matches."""
    form = SaveForm(request.POST)
    asker = getattr(request, "asker", None)
    try:
        if form.is_valid():
            save_search(request.user, pk, **form.saving(), asker=asker)
    except InvalidRequestError as error:
        messages.warning(request, error.message)
    return redirect("similarity:search-list")


@require_POST
@speaks_html
def search_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a search."""
    delete(request.user, pk, asker=getattr(request, "asker", None))
    return redirect("similarity:search-list")


@require_POST
@speaks_html
def search_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that what is new has been looked at."""
    mark_seen(request.user, pk)
    return redirect("similarity:search-list")


@require_POST
@speaks_html
def search_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Go back to the round before."""
    return redirect(page_address(stepped(request.user, pk, is_back=True)))


@require_POST
@speaks_html
def search_redo(request: HttpRequest, pk: int) -> HttpResponse:
    """Go forward to the round that was undone."""
    return redirect(page_address(stepped(request.user, pk, is_back=False)))


def _save(request: HttpRequest) -> HttpResponse:
    state = tidy(QueryDict(request.POST.get("state", "")))
    form = SaveForm(request.POST)
    if not form.is_valid():
        messages.warning(request, gettext("A saved search needs a name of at most 128 characters."))
        return redirect(page_address(state))
    try:
        session = _saved(request, state, form)
    except (InvalidRequestError, LimitExceededError) as error:
        messages.warning(request, error.message)
        return redirect(page_address(state))
    messages.success(request, gettext("Saved as “%(name)s”.") % {"name": session.name})
    kept = without(state, "search")
    kept["search"] = str(session.pk)
    return redirect(page_address(kept))


def _saved(request: HttpRequest, state: QueryDict, form: SaveForm) -> SearchSession:
    asker = getattr(request, "asker", None)
    asked = SimilarForm(state)
    key = asked.value("search")
    if key is not None and get_search(request.user, key).owner_id == request.user.pk:
        query = asked.query()
        if current_query(get_search(request.user, key)) != query:
            add_round(request.user, key, query)
        return save_search(request.user, key, **form.saving(), asker=asker)
    session = start_session(request.user, asked.query())
    return save_search(request.user, session.pk, **form.saving(), asker=asker)


def _lines(
    user: AnyUser, sessions: Sequence[SearchSession], matches: Mapping[int, list[SearchMatch]]
) -> list[SearchLine]:
    """Return the lines of a list; what they are of is read for all of them together."""
    shown = shown_queries(user, sessions)
    states = {one.pk: state_of_shown(one, shown[one.pk][0]) for one in sessions}
    forms = {key: SimilarForm(state) for key, state in states.items()}
    named = {key: named_case(form) for key, form in forms.items() if form.has_object}
    cases = case_headers(user, named.values())
    return [
        SearchLine(
            session=one,
            is_own=one.owner_id == user.pk,
            case=cases[named[one.pk]] if one.pk in named else None,
            chips=chips_of(forms[one.pk], states[one.pk]),
            examples=sum(len(forms[one.pk].value(name) or ()) for name in EXAMPLES),
            level=forms[one.pk].level_value,
            matches=matches.get(one.pk, []),
        )
        for one in sessions
    ]
