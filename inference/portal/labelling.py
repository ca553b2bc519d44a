"""Labelling: the queue of what to label next, one series with its labels, and the study's panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import may_label_any, may_review_any
from archive.errors import InvalidRequestError, NotAllowedError
from archive.portal.statuses import speaks_html
from archive.portal.viewer import viewer_context
from archive.query.study_overview import study_overview
from archive.retrieve.trail import note_access
from inference.portal.label_forms import LabelForm, QueueForm
from inference.training.active_learning import labelling_queue
from inference.training.labelling import add_labels, remove_label
from inference.training.labels import label_names, study_labels

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from archive.models.querysets import AnyUser
    from inference.training.active_learning import Candidate
    from inference.training.labels import LabelView

STRATEGIES = {
    "mixed": _("In turns"),
    "uncertain": _("Uncertain first"),
    "diverse": _("Most different first"),
    "disputed": _("Disputed first"),
}
REASONS = {
    "uncertain": _("Its neighbours are at odds"),
    "diverse": _("Nothing labelled looks like it"),
    "disputed": _("Labelled otherwise than its neighbours"),
}


@require_safe
@speaks_html
def labelling_page(request: HttpRequest) -> HttpResponse:
    """Show the series that a label would teach most, one after another."""
    if not may_label_any(request.user):
        raise NotAllowedError(gettext("Your role only allows you to look."))
    form = QueueForm(request.GET)
    names = label_names(request.user)
    label_set = form.value("label_set")
    context: dict[str, Any] = {
        "names": names,
        "label_set": label_set,
        "strategy": form.strategy_value.value,
        "strategies": STRATEGIES,
        "may_review": may_review_any(request.user),
    }
    if not label_set:
        return render(request, "review/labelling_start.html", context)
    skip = form.skip_value
    queue = labelling_queue(
        request.user, label_set, strategy=form.strategy_value, limit=min(skip + 5, 100)
    )
    context["queue"] = queue
    candidate = next(iter(queue.candidates[skip:]), None)
    if candidate is None:
        return render(request, "review/labelling_start.html", context)
    context["skip_url"] = _queue_url(label_set, form.strategy_value.value, skip + 1)
    context["back_url"] = _queue_url(label_set, form.strategy_value.value, skip)
    context["classes"] = queue.classes or tuple(names.get(label_set, ()))
    context["reason"] = REASONS[candidate.reason]
    return _series_page(request, candidate.study_uid, candidate.series_uid, context, candidate)


@require_safe
@speaks_html
def label_series(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponse:
    """Show one series with its labels, to add some on it, on an image or on a region."""
    names = label_names(request.user)
    label_set = QueueForm(request.GET).value("label_set") or next(iter(names), "")
    context = {
        "names": names,
        "label_set": label_set,
        "classes": tuple(names.get(label_set, ())),
        "back_url": request.get_full_path(),
    }
    return _series_page(request, study_uid, series_uid, context)


@require_POST
@speaks_html
def label_add(request: HttpRequest) -> HttpResponse:
    """Add a label, and go on where the page says."""
    form = LabelForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, gettext("A label needs a set, a name of at most 64 signs, and an object.")
        )
        return redirect(_next(request))
    try:
        add_labels(
            asker=asker_of(request),
            labels=[form.new_label()],
            is_replacing=form.cleaned_data["is_replacing"],
        )
    except InvalidRequestError as error:
        messages.error(request, error.message)
    return redirect(_next(request))


@require_POST
@speaks_html
def label_remove(request: HttpRequest, label_id: int) -> HttpResponse:
    """Take a label back."""
    remove_label(asker=asker_of(request), label_id=label_id)
    return redirect(_next(request))


def labels_panel(user: AnyUser, study_uid: str) -> dict[str, Any]:
    """Return the context of the study page's panel; NotVisibleError outside the rights."""
    found = study_labels(user, study_uid)
    return {
        "study_uid": study_uid,
        "groups": _groups(found.labels),
        "may_label": found.may_label,
        "names": label_names(user) if found.may_label else {},
        "series": study_overview(user, study_uid).pictures if found.may_label else (),
    }


def _series_page(
    request: HttpRequest,
    study_uid: str,
    series_uid: str,
    context: dict[str, Any],
    candidate: Candidate | None = None,
) -> HttpResponse:
    viewer = viewer_context(request.user, study_uid, series_uid)
    # Digits give labels here.
    viewer["presets"] = ()
    found = study_labels(request.user, study_uid, series_uid=series_uid)
    note_access(asker_of(request), study_uid, "labelling")
    labels = list(found.labels)
    if candidate is not None:
        # Readers answer each for themselves.
        labels = [one for one in labels if one.is_mine]
    context = {
        **viewer,
        **context,
        "candidate": candidate,
        "has_region": True,
        "groups": _groups(labels),
        "may_label": found.may_label,
    }
    return render(request, "review/labelling.html", context)


def _groups(labels: Any) -> dict[str, list[LabelView]]:
    groups: dict[str, list[LabelView]] = {}
    for one in labels:
        groups.setdefault(one.label_set, []).append(one)
    return groups


def _queue_url(label_set: str, strategy: str, skip: int) -> str:
    query = {"label_set": label_set, "strategy": strategy}
    return reverse("worklist:labelling", query={**query, "skip": str(skip)} if skip else query)


def _next(request: HttpRequest) -> str:
    """Return where the page leads, on this site alone."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if is_ours else reverse("worklist:labelling")
