"""Acts on many studies: what is asked first, how far they are, what they made."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of, refuse_scope
from archive.access.scopes import lacks_scope
from archive.accounts.stepup import ask_again, is_recent
from archive.bulk.exporting import chunks_of, open_result
from archive.bulk.registry import find_act
from archive.bulk.selectors import job_view, list_jobs, names_of_studies
from archive.bulk.services import cancel_job, start_job
from archive.collections.selectors import collected_studies
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotVisibleError,
    StateConflictError,
)
from archive.portal.forms import WorklistForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from archive.bulk.types import Act, JobView

# How long a finished job stays in sight on the list.
_SHOWN = timedelta(minutes=2)
_DOCKED = 4
_KEY_DIGITS = 18


@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """Show a person's jobs, newest first."""
    jobs = list_jobs(request.user)
    context = {"jobs": jobs, "is_busy": any(job.is_open for job in jobs)}
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, "jobs/_list.html" if is_part else "jobs/job_list.html", context)


@require_safe
@speaks_html
def job_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one job and what went wrong in it."""
    job = job_view(request.user, pk)
    names = names_of_studies(request.user, [uid for uid, _state, _words in job.troubles])
    context = {"job": job, "names": names, "is_busy": job.is_open}
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, "jobs/_job.html" if is_part else "jobs/job_detail.html", context)


@require_safe
def job_dock(request: HttpRequest) -> HttpResponse:
    """Show the jobs that are under way, and those that ended just now."""
    return _dock(request)


def _dock(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    jobs = [job for job in list_jobs(request.user, limit=20) if _is_fresh(job, now)]
    context = {"jobs": jobs[:_DOCKED], "is_busy": any(job.is_open for job in jobs)}
    return render(request, "jobs/_dock.html", context)


def _is_fresh(job: JobView, now: Any) -> bool:
    return job.is_open or (job.finished_at is not None and now - job.finished_at < _SHOWN)


@require_POST
@speaks_html
def job_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a job."""
    try:
        cancel_job(asker=asker_of(request), job_id=pk)
    except StateConflictError as error:
        messages.info(request, error.message)
    if request.headers.get("HX-Request"):
        return _dock(request)
    return redirect("portal:job-list")


@require_safe
def job_result(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the file that a job made."""
    return _result(request, pk)


@speaks_html
def _result(request: HttpRequest, pk: int) -> Any:
    file, name, size = open_result(asker=asker_of(request), job_id=pk)
    response = StreamingHttpResponse(chunks_of(file), content_type="application/zip")
    response["Content-Length"] = str(size)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Ask what an act needs to know, and start it on the studies that are sent along."""
    try:
        found = find_act(request.user, name)
    except InvalidRequestError as error:
        raise NotVisibleError(error.message) from error
    if request.method != "POST":
        return _form(request, found)
    if found.is_dangerous and lacks_scope(request, "admin"):
        return refuse_scope("admin")
    if found.is_dangerous and not is_recent(request):
        return ask_again(request)
    try:
        job = start_job(
            asker=asker_of(request),
            act=name,
            options=_options(request, found),
            **_studies(request),
        )
    except (InvalidRequestError, LimitExceededError) as error:
        return _refused(request, found, error.message)
    if not request.headers.get("HX-Request"):
        return redirect("portal:job-detail", pk=job.pk)
    context = {"act": found, "job": job, "count": job.number_of_items}
    response = render(request, "jobs/_started.html", context)
    response["HX-Trigger"] = "jobs-changed"
    return response


def _options(request: HttpRequest, found: Act) -> dict[str, str]:
    """Return what was asked for; of a collection, some acts take its cases alone."""
    options = {field.name: request.POST.get(field.name, "") for field in found.fields(request.user)}
    return {"collection": request.POST.get("of", ""), **options}


def _studies(request: HttpRequest) -> dict[str, Any]:
    """Return which studies are meant: those named, a collection's, or all that the list shows."""
    if request.POST.get("all"):
        query = QueryDict(request.POST.get("query", "")[:4000])
        return {"filters": WorklistForm(query).filters()}
    of = request.POST.get("of", "")
    if of:
        is_key = of.isascii() and of.isdigit() and len(of) < _KEY_DIGITS
        return {"study_uids": collected_studies(request.user, int(of) if is_key else 0)}
    return {"study_uids": request.POST.get("studies", "").split()}


def _form(request: HttpRequest, found: Act, problem: str = "") -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    context = {
        "act": found,
        "fields": found.fields(request.user),
        "count": given.get("count", "")[:12],
        "studies": given.get("studies", ""),
        "all": given.get("all", ""),
        "of": given.get("of", "")[:_KEY_DIGITS],
        "query": given.get("query", "")[:4000],
        "values": given,
        "problem": problem,
    }
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, "jobs/_act.html" if is_part else "jobs/act.html", context)


def _refused(request: HttpRequest, found: Act, message: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = render(request, "collections/_problem.html", {"message": message})
    else:
        response = _form(request, found, problem=message)
    response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return response
