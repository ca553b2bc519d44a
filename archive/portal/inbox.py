"""Uploads: files sent in pieces, a look at what they come to, and what became of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.projects import storing_projects
from archive.errors import ArchiveError, NotAllowedError, NotVisibleError
from archive.inbox import batches, preview, selectors
from archive.inbox.wrapping import check_wrapping
from archive.portal.inbox_forms import WrapForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from archive.models import UploadBatch

RECENT = 8
SHOWN_ROWS = 300
SHOWN_STUDIES = 60


@require_safe
def upload(request: HttpRequest) -> HttpResponse:
    """Show where files are dropped, and uploads that are not at their end."""
    user: Any = request.user
    waiting = list(selectors.open_batches(user)[:RECENT])
    done = selectors.batches_visible_to(user).filter(finished_at__isnull=False)[:RECENT]
    context = {
        "projects": storing_projects(user),
        "open": selectors.progress_of(waiting),
        "recent": selectors.progress_of(list(done)),
    }
    return render(request, "inbox/upload.html", context)


@require_safe
@speaks_html
def upload_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one upload; htmx gets its state alone, again and again while it is worked on."""
    return _page(request, pk)


def _page(request: HttpRequest, pk: int, form: WrapForm | None = None) -> HttpResponse:
    batch = selectors.find_batch(request.user, pk)
    (progress,) = selectors.progress_of([batch])
    context: dict[str, Any] = {
        "batch": batch,
        "progress": progress,
        "is_own": batch.user_id == request.user.pk,
        "counts": _counts(progress.by_state),
    }
    if batch.state == "ready":
        context["preview"] = preview.preview_of(asker=asker_of(request), batch_id=pk)
        context["form"] = form or WrapForm(user=request.user)
    elif batch.finished_at is not None:
        context["rows"] = selectors.report_rows(batch, most=SHOWN_ROWS)
        context["studies"] = selectors.stored_studies(request.user, batch, most=SHOWN_STUDIES)
        context["has_more"] = progress.files > SHOWN_ROWS
    is_part = request.headers.get("HX-Request") and not request.headers.get("HX-Boosted")
    name = "inbox/_batch.html" if is_part else "inbox/upload_detail.html"
    return render(request, name, context)


def _counts(by_state: dict[str, int]) -> dict[str, int]:
    """Return the figures above the list of files."""
    return {
        "stored": by_state.get("stored", 0),
        "duplicate": by_state.get("duplicate", 0),
        "quarantined": by_state.get("quarantined", 0),
        "failed": by_state.get("refused", 0),
        "skipped": by_state.get("skipped", 0),
    }


@require_POST
@speaks_html
def upload_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Store what was looked at, go on without what is missing, or give the upload up."""
    acts = {"store": _store, "submit": _submit, "cancel": _cancel}
    if act not in acts:
        raise Http404("There is no such act.")
    try:
        answer = acts[act](request, pk)
    except (NotAllowedError, NotVisibleError):
        raise
    except ArchiveError as error:
        messages.error(request, error.message)
        answer = None
    return answer or redirect("portal:upload-detail", pk)


def _store(request: HttpRequest, pk: int) -> HttpResponse | None:
    wrapping = None
    batch: UploadBatch = selectors.find_batch(request.user, pk)
    if request.POST.get("wraps"):
        form = WrapForm(request.POST, user=request.user)
        if not form.is_valid():
            response = _page(request, batch.pk, form)
            response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
            return response
        wrapping = check_wrapping(request.user, form.values())
    batches.store(
        asker=asker_of(request),
        batch_id=pk,
        wrapping=wrapping,
        leaves_out_problems=request.POST.get("problems") == "leave",
    )
    preview.work_briefly(pk)
    return None


def _submit(request: HttpRequest, pk: int) -> None:
    number = batches.leave_out_missing(asker=asker_of(request), batch_id=pk)
    batches.submit(asker=asker_of(request), batch_id=pk)
    preview.work_briefly(pk)
    if number:
        text = ngettext("%(number)d file was left out.", "%(number)d files were left out.", number)
        messages.info(request, text % {"number": number})


def _cancel(request: HttpRequest, pk: int) -> HttpResponse:
    batches.cancel(asker=asker_of(request), batch_id=pk)
    messages.info(request, _("The upload is given up; nothing more of it is stored."))
    return redirect("portal:upload")
