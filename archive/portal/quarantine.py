"""The quarantine: what was refused and why, tried again, mended or discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import ArchiveError, NotAllowedError, NotVisibleError
from archive.inbox.quarantine import selectors, services
from archive.inbox.quarantine.types import BROKEN, MENDABLE
from archive.inbox.reports import quarantine_csv
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAGE_SIZE = 50


@require_safe
@speaks_html
def quarantine_list(request: HttpRequest) -> HttpResponse:
    """Show what came and could not be archived."""
    asked = {name: request.GET.get(name, "") for name in ("reason", "text", "state")}
    rows = selectors.find_entries(
        request.user,
        reason=asked["reason"],
        text=asked["text"].replace("\0", ""),
        is_resolved=asked["state"] == "resolved",
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "asked": asked,
        "is_filtered": any(asked.values()),
        "reasons": selectors.reasons(request.user),
        "previous_url": _page_url(request, page.number - 1) if page.has_previous() else "",
        "next_url": _page_url(request, page.number + 1) if page.has_next() else "",
    }
    return render(request, "inbox/quarantine_list.html", context)


def _page_url(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


@require_safe
@speaks_html
def quarantine_report(request: HttpRequest) -> HttpResponse:
    """Give what waits as a list for spreadsheets."""
    rows = selectors.find_entries(
        request.user,
        reason=request.GET.get("reason", ""),
        is_resolved=request.GET.get("state") == "resolved",
    )
    lines = quarantine_csv(rows.iterator(chunk_size=500))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="quarantine.csv"'
    return cast("HttpResponse", response)


@require_safe
@speaks_html
def quarantine_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one refused file and what can be done about it."""
    return _entry_page(request, pk)


def _entry_page(
    request: HttpRequest, pk: int, said: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    details = selectors.details_of(asker=asker_of(request), entry_id=pk)
    said = said or {}
    context: dict[str, Any] = {
        "entry": details.entry,
        "details": details,
        "is_broken": details.entry.reason_code in BROKEN,
        "projects": selectors.projects_for(request.user),
        "fields": [
            {
                "keyword": keyword,
                "label": label,
                "value": said.get(keyword, details.values.get(keyword, "")),
                "was": details.values.get(keyword, ""),
                "is_uid": keyword.endswith("UID"),
            }
            for keyword, label in MENDABLE.items()
        ],
        "reason": said.get("reason", ""),
        "problem": problem,
    }
    return render(request, "inbox/quarantine_entry.html", context, status=422 if problem else 200)


@require_POST
@speaks_html
def quarantine_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Try again, discard, or bring back what was discarded."""
    asker = asker_of(request)
    said = {name: request.POST.get(name, "") for name in (*MENDABLE, "reason", "project")}
    try:
        if act == "retry":
            result = services.retry_entry(
                asker=asker,
                entry_id=pk,
                project_slug=said["project"],
                wanted=_changes(request, pk, said),
                reason=said["reason"],
            )
            messages.success(request, _("It is archived."))
            return redirect("portal:study-detail", result.study_instance_uid)
        if act == "discard":
            services.discard_entry(asker=asker, entry_id=pk, reason=said["reason"])
            messages.success(request, _("It is discarded."))
        elif act == "undo":
            services.bring_back_entry(asker=asker, entry_id=pk)
            messages.success(request, _("It waits in the quarantine again."))
        else:
            raise Http404("There is no such act.")
    except (NotAllowedError, NotVisibleError):
        raise
    except ArchiveError as error:
        return _entry_page(request, pk, said, error.message)
    return redirect("portal:quarantine-list")


def _changes(request: HttpRequest, pk: int, said: dict[str, str]) -> dict[str, object]:
    """Return the values that the form changed: what stands as it was is none."""
    if not request.POST.get("mends"):
        return {}
    found = selectors.details_of(asker=asker_of(request), entry_id=pk).values
    return {
        keyword: said[keyword]
        for keyword in MENDABLE
        if keyword in request.POST and said[keyword].strip() != found.get(keyword, "").strip()
    }


@require_safe
@speaks_html
def quarantine_file(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a refused file as it came, as something that no browser opens."""
    name, size, chunks = selectors.bytes_of(asker=asker_of(request), entry_id=pk)
    response = StreamingHttpResponse(chunks, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Length"] = str(size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return cast("HttpResponse", response)
