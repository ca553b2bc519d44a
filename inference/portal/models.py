"""The pages of models: everyone may read them, radiology admins decide which run."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import is_site_radiology_admin, require_site_radiology_admin
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html
from inference.bundles.selectors import describe_version, list_models, versions_of
from inference.bundles.states import request_trust, set_diagnostic, set_state
from inference.errors import InferenceError
from inference.portal.card_text import card_blocks
from inference.portal.model_rows import (
    STATES,
    TONES,
    check_lines,
    input_lines,
    metric_lines,
    possible_acts,
)
from inference.runs.drift import alarms_visible_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

    from archive.audit.types import Asker
    from inference.bundles.types import ModelSummary

_EXPECTED = (InvalidRequestError, InferenceError)
_TASKS = {"segment": _("Segmentation"), "classify": _("Classification"), "detect": _("Detection"),
          "embed": _("Embedding")}  # fmt: skip


@require_safe
@speaks_html
def model_list(request: HttpRequest) -> HttpResponse:
    """Show every model with its versions."""
    state, task = request.GET.get("state", ""), request.GET.get("task", "")
    found = list_models(
        request.user, state=state if state in STATES else "", task=task if task in _TASKS else ""
    )
    named = [(name, list(rows)) for name, rows in groupby(found, key=lambda one: one.name)]
    groups = [(name, rows, _foremost(rows)) for name, rows in named]
    context = {
        "groups": groups,
        "tones": TONES,
        "states": STATES,
        "tasks": _TASKS,
        "state": state,
        "task": task,
        "is_admin": is_site_radiology_admin(request.user),
    }
    return render(request, "models/model_list.html", context)


@require_safe
@speaks_html
def model_page(request: HttpRequest, name: str, version: str = "") -> HttpResponse:
    """Show one version: card, intended use, checks, and what an admin can do with it."""
    versions = versions_of(request.user, name)
    model = describe_version(request.user, name, version) if version else _foremost(versions)
    is_admin = is_site_radiology_admin(request.user)
    alarms = [
        one for one in alarms_visible_to(request.user) if str(one.model_version) == str(model)
    ]
    context = {
        "model": model,
        "tone": TONES.get(model.state, ""),
        "state_word": STATES.get(model.state, model.state),
        "versions": versions,
        "inputs": input_lines(model.inputs),
        "checks": check_lines(model.checks) if model.checks.get("passed") else [],
        "metrics": metric_lines(model.metrics),
        "card": card_blocks(model.card),
        "acts": possible_acts(model) if is_admin else [],
        "alarms": alarms,
        "is_admin": is_admin,
    }
    return render(request, "models/model_detail.html", context)


@require_POST
@speaks_html
def model_act(request: HttpRequest, name: str, version: str, act: str) -> HttpResponse:
    """Promote, shadow or retire a version, trust its code, or change its notice."""
    require_site_radiology_admin(request.user)
    model = describe_version(request.user, name, version)
    if act not in _ACTS:
        raise Http404("There is no such act.")
    change, words = _ACTS[act]
    try:
        if model.is_space and act != "notice":
            raise InvalidRequestError(
                gettext("A model of vectors is promoted and retired by its space.")
            )
        change(asker_of(request), model, request)
    except _EXPECTED as error:
        messages.error(request, error.message)
    else:
        messages.success(request, words.format(model=f"{name} {version}"))
    return redirect("models:model-version", name=name, version=version)


def _foremost(versions: list[ModelSummary]) -> ModelSummary:
    """Return the version that runs, else the newest."""
    return next((one for one in versions if one.state == "active"), versions[0])


def _to_state(state: str) -> Callable[[Asker, ModelSummary, HttpRequest], None]:
    def change(asker: Asker, model: ModelSummary, request: HttpRequest) -> None:
        reason = request.POST.get("reason", "").replace("\x00", "").strip()[:255]
        set_state(name=model.name, version=model.version, state=state, asker=asker, reason=reason)

    return change


def _trust(asker: Asker, model: ModelSummary, request: HttpRequest) -> None:
    digest = request.POST.get("digest", "").strip()
    request_trust(asker=asker, name=model.name, version=model.version, digest=digest)


def _notice(asker: Asker, model: ModelSummary, request: HttpRequest) -> None:
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:255]
    set_diagnostic(
        asker=asker,
        name=model.name,
        version=model.version,
        is_diagnostic=bool(model.notice),
        reason=reason,
    )


_ACTS: dict[str, tuple[Callable[[Asker, ModelSummary, HttpRequest], None], _StrPromise]] = {
    "promote": (_to_state("active"), _("{model} runs on new series from now on.")),
    "shadow": (_to_state("shadow"), _("{model} runs in shadow: only reviewers see its results.")),
    "retire": (_to_state("retired"), _("{model} is retired.")),
    "trust": (_trust, _("The code of {model} is being tried; it is trusted once that went well.")),
    "notice": (_notice, _("The notice of {model} was changed.")),
}
