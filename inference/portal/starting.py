"""The page that starts a model on a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError, LimitExceededError
from archive.portal.statuses import speaks_html
from inference.bundles.external import EXTERNAL
from inference.errors import InferenceError
from inference.portal.run_states import URGENCIES
from inference.runs.queueing import request_run
from inference.runs.starting import startable_models, startable_series

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_EXPECTED = (InvalidRequestError, InferenceError, LimitExceededError)


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def run_start(request: HttpRequest) -> HttpResponse:
    """Show which models fit a series; start the one that is chosen."""
    said = request.POST if request.method == "POST" else request.GET
    series_uid = said.get("series", "").replace("\x00", "")[:64]
    study_uid = said.get("study", "").replace("\x00", "")[:64]
    choices = startable_series(request.user, study_uid=study_uid, series_uid=series_uid)
    if request.method == "POST" and series_uid:
        return _start(request, series_uid)
    chosen = next((one for one in choices if one.series_instance_uid == series_uid), choices[0])
    context: dict[str, Any] = {
        "study": chosen.study,
        "choices": choices,
        "chosen": chosen,
        "models": startable_models(chosen),
        "urgencies": URGENCIES.items(),
    }
    return render(request, "runs/run_start.html", context)


def start_url(**named: str) -> str:
    """Return the address of the page for a study or a series."""
    return reverse("runs:run-start", query=named)


def _start(request: HttpRequest, series_uid: str) -> HttpResponse:
    model = request.POST.get("model", "").replace("\x00", "")[:120]
    urgency = request.POST.get("priority", "0")
    priority = int(urgency) if urgency in {str(one) for one in URGENCIES} else 0
    try:
        run = request_run(
            asker=asker_of(request), model=model, series_uid=series_uid, priority=priority
        )
    except _EXPECTED as error:
        messages.error(request, error.message)
        return redirect(start_url(series=series_uid))
    is_outside = run.model_version.pipeline == EXTERNAL
    said = gettext("%(model)s waits for a worker.")
    if is_outside:
        said = gettext("%(model)s waits for its performer outside.")
    messages.success(request, said % {"model": run.model_version})
    return redirect("runs:run-detail", pk=run.pk)
