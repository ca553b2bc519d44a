"""Training: ask for one, watch it, read what it is worth, promote what came of it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import require_site_radiology_admin
from archive.errors import InvalidRequestError, NotVisibleError
from archive.portal.statuses import speaks_html
from inference.bundles.states import set_state
from inference.errors import InferenceError
from inference.portal import training_figures as figures
from inference.portal.training_forms import (
    MaskTrainingForm,
    TrainingForm,
    choices,
    mask_choices,
)
from inference.similarity.quality.services import list_label_sets
from inference.training.recipe import OF_LABELS_ALONE, OF_MASKS_ALONE, Recipe
from inference.training.segmentation.stored_masks import segment_choices
from inference.training.selectors import (
    find_training,
    headline_of,
    lendable_models,
    list_trainings,
    place_in_queue,
)
from inference.training.services import (
    cancel_training,
    remove_training,
    request_training,
    resume_training,
)

if TYPE_CHECKING:
    from django.http import HttpRequest

    from archive.audit.types import Asker
    from inference.models import TrainingRun

# htmx stops asking when it is answered so.
_STOP_POLLING = 286
_OPEN = frozenset({"queued", "running"})
_EXPECTED = (InvalidRequestError, InferenceError, NotVisibleError)


@require_safe
@speaks_html
def training_list(request: HttpRequest) -> HttpResponse:
    """Show every training, and the form for a new one."""
    rows = list_trainings(request.user)
    context = {
        "rows": [_row(one) for one in rows],
        "is_busy": any(one.state in _OPEN for one in rows),
        "label_sets": list_label_sets(request.user),
        "models": [f"model:{one.name}:{one.version}" for one in lendable_models()],
        "segments": segment_choices(request.user),
        **choices(),
        **mask_choices(),
    }
    return render(request, "training/training_list.html", context)


@require_POST
@speaks_html
def training_new(request: HttpRequest) -> HttpResponse:
    """Queue a training on labels."""
    return _queue(request, TrainingForm(request.POST))


@require_POST
@speaks_html
def training_new_masks(request: HttpRequest) -> HttpResponse:
    """Queue a training on masks."""
    return _queue(request, MaskTrainingForm(request.POST))


def _queue(request: HttpRequest, form: TrainingForm | MaskTrainingForm) -> HttpResponse:
    require_site_radiology_admin(request.user)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        messages.error(request, f"{field.replace('_', ' ').capitalize()}: {errors[0]}")
        return redirect("training:training-list")
    try:
        made = request_training(asker_of(request), form.recipe_values())
    except _EXPECTED as error:
        messages.error(request, error.message)
        return redirect("training:training-list")
    return redirect("training:training-detail", made.pk)


@require_safe
@speaks_html
def training_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one training: how far it is, or what came of it."""
    training = find_training(request.user, pk)
    return render(request, "training/training_detail.html", _details(training))


@require_safe
@speaks_html
def training_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a training is; once it is over, the whole page is asked for anew."""
    training = find_training(request.user, pk)
    response = render(request, "training/_live.html", _details(training))
    if training.state not in _OPEN:
        response.status_code = _STOP_POLLING
        response["HX-Refresh"] = "true"
    return response


@require_POST
@speaks_html
def training_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Cancel, resume or remove a training, or promote what it made."""
    acts = {
        "cancel": (cancel_training, gettext("It is cancelled at the end of its epoch.")),
        "resume": (resume_training, gettext("It goes on from its last checkpoint.")),
        "remove": (remove_training, gettext("The training and its checkpoints are removed.")),
        "promote": (_promote, gettext("The model runs on new series from now on.")),
    }
    if act not in acts:
        raise Http404("There is no such act.")
    work, words = acts[act]
    try:
        work(asker_of(request), pk)
    except _EXPECTED as error:
        messages.error(request, error.message)
    else:
        messages.success(request, words)
        if act == "remove":
            return redirect("training:training-list")
    return redirect("training:training-detail", pk)


def _promote(asker: Asker, pk: int) -> None:
    if asker.user is None:
        raise NotVisibleError(gettext("Sign in to promote a model."))
    version = find_training(asker.user, pk).model_version
    if version is None:
        raise InvalidRequestError(gettext("This training made no model."))
    set_state(name=version.name, version=version.version, state="active", asker=asker)


def _row(training: TrainingRun) -> dict[str, Any]:
    words, tone = figures.state_words(training.state)
    return {
        "training": training,
        "words": words,
        "tone": tone,
        "headline": headline_of(training),
        "learned_from": _learned_from(training.recipe),
        "backbone": training.recipe.get("backbone"),
        "percent": figures.percent_of(training.progress),
        "warnings": training.metrics.get("warnings", ()),
    }


def _learned_from(recipe: dict[str, Any]) -> str:
    segments = recipe.get("segments")
    if segments:
        return gettext("masks of %(structures)s") % {"structures": ", ".join(segments)}
    return recipe.get("label_set") or gettext("a folder of images")


def _details(training: TrainingRun) -> dict[str, Any]:
    metrics = training.metrics
    is_open = training.state in _OPEN
    context = _row(training) | {
        "is_open": is_open,
        "before": place_in_queue(training) if training.state == "queued" else 0,
        "curve": figures.curve(training.progress),
        "recipe": _recipe_rows(training.recipe),
        "can_resume": training.state in {"failed", "cancelled"},
    }
    if metrics.get("task") == "segment":
        context |= {
            "metrics": metrics,
            "is_segmentation": True,
            "headlines": figures.mask_headlines(metrics),
            "classes": figures.mask_class_rows(metrics),
            "subgroups": figures.mask_subgroup_tables(metrics),
        }
    elif metrics:
        context |= {
            "metrics": metrics,
            "headlines": figures.headlines(metrics),
            "classes": figures.class_rows(metrics),
            "confusion": figures.confusion_rows(metrics),
            "subgroups": figures.subgroup_tables(metrics),
        }
    return context


def _recipe_rows(recipe: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was asked for, in words; what was left empty is left out."""
    rows = []
    unused = OF_LABELS_ALONE if recipe.get("segments") else OF_MASKS_ALONE
    for name in (one.name for one in fields(Recipe)):
        value = recipe.get(name)
        if name in {"name", "description", *unused} or value in ("", [], None):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if isinstance(value, bool):
            text = "yes" if value else "no"
        rows.append((name.removeprefix("is_").removeprefix("has_").replace("_", " "), text))
    return rows
