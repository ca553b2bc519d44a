"""What comes from peers: a question, the studies chosen of its answer, and prefetch rules."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import is_site_radiology_admin
from archive.errors import ArchiveError, InvalidRequestError, NotAllowedError, NotVisibleError
from archive.forwarding import fetches, prefetch_rules
from archive.portal.forwarding_forms import PrefetchForm, SearchForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

PAGE_SIZE = 25
TONES = {"done": "ok", "failed": "bad", "fetching": "busy", "waiting": "", "cancelled": ""}


@require_safe
@speaks_html
def fetch_list(request: HttpRequest) -> HttpResponse:
    """Show the question to a peer, what is being fetched, and the rules."""
    return _page(request)


@require_POST
@speaks_html
def fetch_search(request: HttpRequest) -> HttpResponse:
    """Ask a peer; htmx gets its answer alone."""
    form = SearchForm(request.POST)
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            context["found"] = fetches.search_peer(
                asker=asker_of(request), peer_id=form.cleaned_data["peer"], keys=form.keys()
            )
            context["peer_id"] = form.cleaned_data["peer"]
        except (NotAllowedError, NotVisibleError):
            raise
        except ArchiveError as error:
            context["problem"] = error.message
    else:
        context["problem"] = gettext("Choose a peer; one of the fields can't be read.")
    return render(request, "forwarding/_found.html", context)


@require_POST
@speaks_html
def fetch_queue(request: HttpRequest) -> HttpResponse:
    """Queue the studies that were chosen."""
    text = request.POST.get("peer", "")
    if not (text.isdecimal() and len(text) < 10):
        raise Http404("There is no such peer.")
    try:
        number = fetches.fetch_studies(
            asker=asker_of(request), peer_id=int(text), study_uids=request.POST.getlist("study")
        )
    except (NotAllowedError, NotVisibleError):
        raise
    except ArchiveError as error:
        messages.error(request, error.message)
        return redirect("portal:fetch-list")
    messages.success(
        request,
        ngettext("%(n)s study on the way here.", "%(n)s studies on the way here.", number)
        % {"n": number},
    )
    return redirect("portal:fetch-list")


@require_POST
@speaks_html
def fetch_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Cancel a fetch, or try it again."""
    acts: dict[str, tuple[Callable[..., object], str]] = {
        "cancel": (fetches.cancel_fetch, gettext("It is cancelled.")),
        "retry": (fetches.retry_fetch, gettext("It is tried again.")),
    }
    if act not in acts:
        raise Http404("There is no such act.")
    do, words = acts[act]
    try:
        do(asker=asker_of(request), fetch_id=pk)
    except InvalidRequestError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, words)
    return redirect("portal:fetch-list")


@require_POST
@speaks_html
def prefetch_new(request: HttpRequest) -> HttpResponse:
    """Keep a new prefetch rule."""
    form = PrefetchForm(request.POST)
    if form.is_valid():
        try:
            rule = prefetch_rules.create_prefetch_rule(
                asker=asker_of(request), values=form.values()
            )
        except InvalidRequestError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, gettext("%(name)s is on.") % {"name": rule.name})
            return redirect("portal:fetch-list")
    response = _page(request, form)
    response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return response


@require_POST
@speaks_html
def prefetch_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Switch a prefetch rule on or off, or delete it."""
    asker = asker_of(request)
    if act in {"on", "off"}:
        prefetch_rules.switch_prefetch_rule(asker=asker, rule_id=pk, is_enabled=act == "on")
    elif act == "delete":
        prefetch_rules.delete_prefetch_rule(asker=asker, rule_id=pk)
    else:
        raise Http404("There is no such act.")
    messages.success(
        request,
        {"on": gettext("It is on."), "off": gettext("It is off.")}.get(
            act, gettext("It is deleted.")
        ),
    )
    return redirect("portal:fetch-list")


def _page(request: HttpRequest, form: PrefetchForm | None = None) -> HttpResponse:
    rows = fetches.list_fetches(request.user)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    may_rule = is_site_radiology_admin(request.user)
    context = {
        "peers": fetches.peers_to_ask(request.user),
        "page": page,
        "rows": [(row, TONES[row.state]) for row in page.object_list],
        "is_busy": any(row.state in {"waiting", "fetching"} for row in page.object_list),
        "previous_url": f"?page={page.number - 1}" if page.has_previous() else "",
        "next_url": f"?page={page.number + 1}" if page.has_next() else "",
        "may_rule": may_rule,
        "rules": prefetch_rules.list_prefetch_rules(request.user) if may_rule else [],
        "form": form or PrefetchForm(initial={"most_studies": 3, "most_years": 5}),
        "own_ae_title": fetches.own_ae_title(),
    }
    return render(request, "forwarding/fetch_list.html", context)
