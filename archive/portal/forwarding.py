"""What goes to peers: rules, tried on the archive before they are switched on, and the queue."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import ArchiveError, InvalidRequestError, NotAllowedError, NotVisibleError
from archive.forwarding import peers, queue, queueing, rules
from archive.forwarding.matching import CONDITION_PATHS
from archive.portal.forwarding_forms import RuleForm, SendForm, initial_of
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from archive.models import ForwardingRule

PAGE_SIZE = 50
VIEWS = {
    "": (_("All"), ()),
    "open": (pgettext_lazy("not finished", "Open"), ("waiting", "sending")),
    "failed": (_("Failed"), ("failed",)),
    "sent": (_("Sent"), ("sent",)),
    "cancelled": (_("Cancelled"), ("cancelled",)),
}


@require_safe
@speaks_html
def forwarding(request: HttpRequest) -> HttpResponse:
    """Show the rules and what is on its way."""
    view = request.GET.get("view", "")
    _, states = VIEWS.get(view, VIEWS[""])
    asked = request.GET.get("peer", "")
    peer_id = int(asked) if asked.isdecimal() and len(asked) < 10 else None
    shipments = queue.list_shipments(request.user, states=states, peer_id=peer_id, limit=PAGE_SIZE)
    context = {
        "rules": rules.list_rules(request.user),
        "shipments": shipments,
        "now": timezone.now(),
        "is_busy": any(one.waiting or one.sending for one in shipments),
        "view": view if view in VIEWS else "",
        "views": [(key, words, _address(key, peer_id)) for key, (words, _) in VIEWS.items()],
        "peers": peers.list_peers(request.user),
        "peer_id": peer_id,
    }
    return render(request, "forwarding/forwarding.html", context)


def _address(view: str, peer_id: int | None) -> str:
    query = {key: value for key, value in (("view", view), ("peer", peer_id)) if value}
    return reverse("portal:forwarding", query=query)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def rule_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Show one rule, new or kept, and keep what is said."""
    rule = rules.get_rule(request.user, pk) if pk is not None else None
    if request.method != "POST":
        form = RuleForm(initial=initial_of(rule) if rule else {"includes_results": True})
        trial = rules.try_kept_rule(request.user, rule.pk) if rule else None
        return _rule_page(request, form, rule, trial=trial)
    form = RuleForm(request.POST)
    if not form.is_valid():
        return _rule_page(request, form, rule)
    asker, values = asker_of(request), form.values()
    try:
        if rule is None:
            kept = rules.create_rule(asker=asker, values=values)
        else:
            kept = rules.change_rule(asker=asker, rule_id=rule.pk, values=values)
    except InvalidRequestError as error:
        form.add_error(None, error.message)
        return _rule_page(request, form, rule)
    words = (
        gettext("The rule is kept.") if kept.is_enabled else gettext("The rule is kept, and off.")
    )
    messages.success(request, words)
    return redirect("portal:forwarding-rule", pk=kept.pk)


@require_POST
@speaks_html
def rule_try(request: HttpRequest) -> HttpResponse:
    """Say what the rule on the page would have sent; nothing is kept."""
    form = RuleForm(request.POST)
    context: dict[str, Any] = {}
    try:
        if form.is_valid():
            context["trial"] = rules.try_rule(request.user, form.values())
        else:
            context["problem"] = gettext(
                "Name the rule and its peer; one of the fields can't be read."
            )
    except InvalidRequestError as error:
        context["problem"] = error.message
    return render(request, "forwarding/_trial.html", context)


@require_POST
@speaks_html
def rule_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Switch a rule on or off, or delete it."""
    asker = asker_of(request)
    acts: dict[str, tuple[Callable[[], object], str]] = {
        "on": (
            lambda: rules.switch_rule(asker=asker, rule_id=pk, is_enabled=True),
            gettext("The rule is on: what arrives and matches goes to the peer."),
        ),
        "off": (
            lambda: rules.switch_rule(asker=asker, rule_id=pk, is_enabled=False),
            gettext("The rule is off. What it queued still goes out."),
        ),
        "delete": (
            lambda: rules.delete_rule(asker=asker, rule_id=pk),
            gettext("The rule is deleted."),
        ),
    }
    if act not in acts:
        raise Http404("There is no such act.")
    do, words = acts[act]
    do()
    messages.success(request, words)
    return redirect("portal:forwarding")


@require_POST
@speaks_html
def queue_act(request: HttpRequest, peer: int, act: str, study: int | None = None) -> HttpResponse:
    """Send again, or take out of the queue: one study, or all that failed or waits for a peer."""
    do = {"retry": queue.retry, "cancel": queue.cancel}.get(act)
    if do is None:
        raise Http404("There is no such act.")
    try:
        number = do(asker=asker_of(request), peer_id=peer, study_id=study)
    except InvalidRequestError as error:
        messages.error(request, error.message)
        return redirect("portal:forwarding")
    words = {
        "retry": ngettext(
            "%(n)s instance on the way again.", "%(n)s instances on the way again.", number
        ),
        "cancel": ngettext(
            "%(n)s instance taken out of the queue.",
            "%(n)s instances taken out of the queue.",
            number,
        ),
    }
    messages.success(request, words[act] % {"n": number})
    return redirect("portal:forwarding")


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def send(request: HttpRequest) -> HttpResponse:
    """Ask to which peer studies go, and queue them."""
    if request.method != "POST":
        studies = request.GET.getlist("study")[: queueing.MAX_STUDIES]
        return _send_page(request, studies)
    form = SendForm(request.POST)
    if not form.is_valid():
        return _send_page(request, form.studies, problem=gettext("Choose a peer."))
    try:
        number = queueing.send_studies(
            asker=asker_of(request), peer_id=form.cleaned_data["peer"], study_uids=form.studies
        )
    except (NotAllowedError, NotVisibleError):
        raise
    except ArchiveError as error:
        return _send_page(request, form.studies, problem=error.message)
    messages.success(
        request,
        ngettext("%(n)s instance on the way.", "%(n)s instances on the way.", number)
        % {"n": number},
    )
    if len(form.studies) == 1:
        return redirect("portal:study-detail", study_uid=form.studies[0])
    return redirect("portal:study-list")


def _send_page(request: HttpRequest, studies: Any, problem: str = "") -> HttpResponse:
    if not queueing.may_send_any(request.user):
        raise NotAllowedError(gettext("Your roles do not allow sending studies to peers."))
    context = {
        "peers": queueing.sending_peers(request.user),
        "studies": queueing.studies_to_send(request.user, studies),
        "problem": problem,
    }
    response = render(request, "forwarding/send.html", context)
    if problem:
        response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return response


def _rule_page(
    request: HttpRequest,
    form: RuleForm,
    rule: ForwardingRule | None,
    trial: rules.Trial | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "rule": rule,
        "trial": trial,
        "peers": [peer for peer in peers.list_peers(request.user) if queueing.can_receive(peer)],
        "projects": rules.projects_to_name(request.user),
        "keywords": list(CONDITION_PATHS),
    }
    response = render(request, "forwarding/rule_edit.html", context)
    if form.errors:
        response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return response
