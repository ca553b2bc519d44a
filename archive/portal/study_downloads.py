"""Taking a study out as files: the page that offers it, and the files."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.access.study_roles import require_may_export
from archive.errors import ArchiveError, NotAllowedError, NotVisibleError
from archive.portal.statuses import speaks_html
from archive.portal.study_download_forms import AnonymisedForm, PicturesForm, SeriesForm
from archive.portal.study_head import study_head
from archive.query.study_overview import study_overview
from archive.research.downloads import outlook_of, take_out
from archive.retrieve.downloads import (
    Download,
    download_pictures,
    download_study,
    download_volume,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from archive.models import BulkJob

P = ParamSpec("P")


def _sends(
    make: Callable[Concatenate[HttpRequest, str, P], Download | BulkJob],
) -> Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]:
    """Send the file while it is made; what can't be made is said on the page that offers it."""

    @wraps(make)
    def sent(
        request: HttpRequest, /, study_uid: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        try:
            download = make(request, study_uid, *args, **kwargs)
        except (NotVisibleError, NotAllowedError):
            raise
        except ArchiveError as error:
            return _page(request, study_uid, problem=error.message)
        return sent_or_begun(download)

    return speaks_html(sent)  # type: ignore[return-value]  # named arguments are passed by place


def sent_or_begun(made: Download | BulkJob) -> HttpResponseBase:
    """Send a file while it is made, or lead to the job that makes it."""
    if not isinstance(made, Download):
        return redirect("portal:job-detail", pk=made.pk)
    response = StreamingHttpResponse(made.chunks, content_type=made.content_type)
    response["Content-Disposition"] = f'attachment; filename="{made.filename}"'
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@speaks_html
def choices(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Offer what can be taken out."""
    return _page(request, study_uid)


@require_POST
@_sends
def dicom(request: HttpRequest, study_uid: str) -> Download:
    """Send the study's objects as a ZIP."""
    form = SeriesForm(request.POST)
    return download_study(
        request.user,  # type: ignore[arg-type]  # signed in by now
        study_uid,
        asker=asker_of(request),
        series_uids=form.series_uids(),
    )


@require_POST
@_sends
def anonymised(request: HttpRequest, study_uid: str) -> Download | BulkJob:
    """Send its images without identity as a ZIP, or begin the job that cleans them first."""
    return take_out(asker_of(request), study_uid, AnonymisedForm(request.POST).options())


@require_safe
@_sends
def pictures(request: HttpRequest, study_uid: str, series_uid: str) -> Download:
    """Send a series' frames as PNG."""
    form = PicturesForm(request.GET)
    return download_pictures(
        request.user,  # type: ignore[arg-type]  # signed in by now
        study_uid,
        series_uid,
        asker=asker_of(request),
        window=form.window(),
    )


@require_safe
@_sends
def volume(request: HttpRequest, study_uid: str, series_uid: str) -> Download:
    """Send a series as a NIfTI volume."""
    user: Any = request.user
    return download_volume(user, study_uid, series_uid, asker=asker_of(request))


def _page(request: HttpRequest, study_uid: str, *, problem: str = "") -> HttpResponse:
    overview = study_overview(request.user, study_uid)
    require_may_export(request.user, study_uid)
    context = {
        **study_head(request.user, overview, "download"),
        "problem": problem,
        "form": AnonymisedForm(request.POST or None),
        "outlook": outlook_of(asker_of(request), study_uid),
    }
    status = 422 if problem else 200
    return render(request, "portal/study_download.html", context, status=status)
