"""The page of embedding spaces: for radiology admins of the whole archive, who choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import require_site_radiology_admin
from archive.errors import InvalidRequestError
from archive.portal.statuses import speaks_html
from inference.errors import InferenceError
from inference.portal.space_forms import AdaptForm, ComponentsForm
from inference.similarity.quality.services import list_label_sets
from inference.similarity.spaces.lifecycle import (
    fill_space,
    pause_space,
    promote_space,
    retire_space,
    rollback_space,
)
from inference.similarity.spaces.overview import describe_space, describe_spaces, rollback_target
from inference.training.adaptation import adapt_space, fit_components

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from archive.audit.types import Asker

# htmx stops asking when it is answered so.
_STOP_POLLING = 286
_EXPECTED = (InvalidRequestError, InferenceError)


@require_safe
@speaks_html
def space_list(request: HttpRequest) -> HttpResponse:
    """Show every space: what it comes from, how far it is, how well it finds."""
    require_site_radiology_admin(request.user)
    spaces = describe_spaces()
    context = {
        "spaces": spaces,
        "bases": [space for space in spaces if space.can_be_base],
        "label_sets": list_label_sets(request.user),
        "rollback_target": rollback_target(),
        "components": ComponentsForm.PROPOSED,
    }
    return render(request, "similarity/spaces.html", context)


@require_safe
@speaks_html
def space_progress(request: HttpRequest, name: str) -> HttpResponse:
    """Show how far one space is; once that is over, the whole page is asked for anew."""
    require_site_radiology_admin(request.user)
    space = describe_space(name)
    if space is None:
        raise Http404("There is no such space.")
    response = render(request, "similarity/_space_progress.html", {"space": space})
    if not space.can_pause:
        response.status_code = _STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
@speaks_html
def space_act(request: HttpRequest, name: str, act: str) -> HttpResponse:
    """Fill, pause, promote or retire a space."""
    reason = request.POST.get("reason", "").strip()
    acts: dict[str, tuple[Callable[[Asker], object], str]] = {
        "fill": (
            lambda asker: fill_space(asker, name),
            gettext("%(name)s is being filled.") % {"name": name},
        ),
        "pause": (
            lambda asker: pause_space(asker, name),
            gettext("%(name)s is paused.") % {"name": name},
        ),
        "promote": (
            lambda asker: promote_space(asker, name, reason),
            gettext("Similar cases are searched in %(name)s from now on.") % {"name": name},
        ),
        "retire": (
            lambda asker: retire_space(asker, name),
            gettext("%(name)s is retired; its vectors are cleared away.") % {"name": name},
        ),
    }
    if act not in acts:
        raise Http404("There is no such act.")
    return _done(request, *acts[act])


@require_POST
@speaks_html
def space_roll_back(request: HttpRequest) -> HttpResponse:
    """Search the space again that was searched before."""
    reason = request.POST.get("reason", "").strip()
    return _done(
        request,
        lambda asker: rollback_space(asker, reason),
        gettext("Similar cases are searched in the former space again."),
    )


@require_POST
@speaks_html
def space_adapt(request: HttpRequest) -> HttpResponse:
    """Fit a new space to the archive's labels."""
    require_site_radiology_admin(request.user)
    form = AdaptForm(request.POST)
    if not form.is_valid():
        return _refused(request, gettext("Choose a space and at least one set of labels."))
    chosen = form.cleaned_data
    return _done(
        request,
        lambda asker: adapt_space(asker, space=chosen["base"], label_sets=chosen["label_set"]),
        gettext("A space was fitted to the labels; it is being filled."),
    )


@require_POST
@speaks_html
def space_components(request: HttpRequest) -> HttpResponse:
    """Fit a smaller space to the archive."""
    require_site_radiology_admin(request.user)
    form = ComponentsForm(request.POST)
    if not form.is_valid():
        return _refused(request, gettext("Choose a space and a number of dimensions."))
    chosen = form.cleaned_data
    return _done(
        request,
        lambda asker: fit_components(asker, space=chosen["base"], dimension=chosen["dimension"]),
        gettext("Principal components were fitted; their space is being filled."),
    )


def _done(request: HttpRequest, act: Callable[[Asker], object], words: str) -> HttpResponse:
    try:
        act(asker_of(request))
    except _EXPECTED as error:
        return _refused(request, error.message)
    messages.success(request, words)
    return redirect("similarity:space-list")


def _refused(request: HttpRequest, words: str) -> HttpResponse:
    messages.error(request, words)
    return redirect("similarity:space-list")
