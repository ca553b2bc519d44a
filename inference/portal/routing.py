"""Routing rules: which models run by themselves, tried on the archive before they do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html
from inference.portal.routing_forms import RuleForm, initial_of
from inference.portal.run_states import URGENCIES
from inference.runs import rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from inference.models import RoutingRule


@require_safe
@speaks_html
def rule_list(request: HttpRequest) -> HttpResponse:
    """Show every rule in words."""
    lines = [(rule, URGENCIES.get(rule.priority, "")) for rule in rules.list_rules(request.user)]
    return render(request, "runs/rule_list.html", {"lines": lines})


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def rule_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Show one rule, new or kept, and keep what is said."""
    rule = rules.get_rule(request.user, pk) if pk is not None else None
    form = _form(request, rule)
    if request.method != "POST":
        trial = rules.try_kept_rule(request.user, rule.pk) if rule else None
        return _page(request, form, rule, trial=trial)
    if not form.is_valid():
        return _page(request, form, rule)
    asker, values = asker_of(request), form.values()
    try:
        if rule is None:
            kept = rules.create_rule(asker=asker, values=values)
        else:
            kept = rules.change_rule(asker=asker, rule_id=rule.pk, values=values)
    except InvalidRequestError as error:
        form.add_error(None, error.message)
        return _page(request, form, rule)
    words = (
        gettext("The rule is kept.") if kept.is_enabled else gettext("The rule is kept, and off.")
    )
    messages.success(request, words)
    return redirect("runs:rule-edit", pk=kept.pk)


@require_POST
@speaks_html
def rule_try(request: HttpRequest) -> HttpResponse:
    """Say what the rule on the page would match; nothing is kept."""
    form = _form(request, None)
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            context["trial"] = rules.try_rule(request.user, form.values())
        except InvalidRequestError as error:
            context["problem"] = error.message
    else:
        context["problem"] = gettext("One of the fields can't be read; see below “Keep”.")
    return render(request, "runs/_trial.html", context)


@require_POST
@speaks_html
def rule_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Switch a rule on or off, or delete it."""
    asker = asker_of(request)
    acts: dict[str, tuple[Callable[[], object], str]] = {
        "on": (
            lambda: rules.switch_rule(asker=asker, rule_id=pk, is_enabled=True),
            gettext("The rule is on: the model runs on what matches."),
        ),
        "off": (
            lambda: rules.switch_rule(asker=asker, rule_id=pk, is_enabled=False),
            gettext("The rule is off."),
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
    return redirect("runs:rule-list")


def _form(request: HttpRequest, rule: RoutingRule | None) -> RuleForm:
    projects = [(one.slug, one.name) for one in rules.projects_to_route(request.user)]
    if request.method == "POST":
        return RuleForm(request.POST, projects=projects)
    initial = initial_of(rule) if rule else {"minimum_instances": 1, "priority": 0}
    return RuleForm(initial=initial, projects=projects)


def _page(
    request: HttpRequest,
    form: RuleForm,
    rule: RoutingRule | None,
    trial: rules.Trial | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "rule": rule,
        "trial": trial,
        "models": rules.models_to_route(),
        "urgencies": URGENCIES,
    }
    response = render(request, "runs/rule_edit.html", context)
    if form.errors:
        response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return response
