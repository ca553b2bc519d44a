"""Runs of models: what waits, what runs, what became of it, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import InvalidRequestError, LimitExceededError
from archive.portal.statuses import speaks_html
from inference.errors import InferenceError
from inference.portal.finding_words import shares_in_words
from inference.portal.run_rows import outputs_of, row_of, steps_of
from inference.runs.control import cancel_run, retry_run, run_again
from inference.runs.overview import list_runs, other_versions, run_line, run_lines, run_names
from inference.runs.selectors import findings_of_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

PAGE_SIZE = 50
VIEWS = {
    "": (_("All"), ()),
    "open": (pgettext_lazy("not finished", "Open"), ("queued", "running")),
    "done": (_("Done"), ("succeeded",)),
    "failed": (_("Failed"), ("dead",)),
    "other": (_("Others"), ("skipped", "cancelled")),
}
_EXPECTED = (InvalidRequestError, InferenceError, LimitExceededError)


@require_safe
@speaks_html
def run_list(request: HttpRequest) -> HttpResponse:
    """Show runs inside the asker's rights, the newest first."""
    view = request.GET.get("view", "")
    _, states = VIEWS.get(view, VIEWS[""])
    model = request.GET.get("model", "").replace("\x00", "")[:64]
    is_own = request.GET.get("own") == "1"
    with_background = request.GET.get("background") == "1"
    found = list_runs(
        request.user, states=states, model=model, is_own=is_own, with_background=with_background
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [row_of(line) for line in run_lines(request.user, page.object_list)]
    context = {
        "page": page,
        "rows": rows,
        "is_busy": any(row.is_busy for row in rows),
        "view": view if view in VIEWS else "",
        "views": [(key, words, _address(request, view=key)) for key, (words, _) in VIEWS.items()],
        "models": run_names(request.user),
        "model": model,
        "is_own": is_own,
        "with_background": with_background,
        "previous_url": _page_address(request, page, -1),
        "next_url": _page_address(request, page, 1),
    }
    return render(request, "runs/run_list.html", context)


@require_safe
@speaks_html
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one run: inputs, times, log, what it found and stored."""
    line = run_line(request.user, pk)
    context: dict[str, Any] = {
        "row": row_of(line),
        "run": line.run,
        "message": shares_in_words(line.run.message),
        "steps": steps_of(line.run),
        "outputs": outputs_of(line.run),
        "findings": findings_of_run(request.user, line.run),
        "versions": other_versions(line.run) if line.can_run_again else [],
    }
    return render(request, "runs/run_detail.html", context)


@require_POST
@speaks_html
def run_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Cancel a run, try it again, or run another version on its series."""
    asker = asker_of(request)
    version = request.POST.get("version", "").replace("\x00", "")[:120]
    acts: dict[str, tuple[Callable[[], Any], str]] = {
        "cancel": (lambda: cancel_run(asker=asker, run_id=pk), gettext("It is being cancelled.")),
        "retry": (
            lambda: retry_run(asker=asker, run_id=pk),
            gettext("It waits for a worker again."),
        ),
        "again": (
            lambda: run_again(asker=asker, run_id=pk, version=version),
            gettext("The other version waits for a worker."),
        ),
    }
    if act not in acts:
        raise Http404("There is no such act.")
    do, words = acts[act]
    try:
        run = do()
    except _EXPECTED as error:
        messages.error(request, error.message)
        return redirect("runs:run-detail", pk=pk)
    messages.success(request, words)
    if request.POST.get("back") == "list":
        return redirect("runs:run-list")
    return redirect("runs:run-detail", pk=run.pk)


def _address(request: HttpRequest, **changed: str) -> str:
    kept = {key: request.GET[key] for key in ("model", "own", "background") if request.GET.get(key)}
    query = {key: value for key, value in (kept | changed).items() if value}
    return reverse("runs:run-list", query=query)


def _page_address(request: HttpRequest, page: Any, step: int) -> str:
    if not (page.has_next() if step > 0 else page.has_previous()):
        return ""
    view = request.GET.get("view", "")
    return _address(request, view=view if view in VIEWS else "", page=str(page.number + step))
