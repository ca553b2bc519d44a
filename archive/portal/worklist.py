"""The study list: its page, what is new since, and the rows as a table to take away."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.audit.jobs import record_list_export
from archive.bulk.registry import acts_for
from archive.inbox.reports import safe_cell
from archive.portal import panels
from archive.portal.forms import WorklistForm
from archive.portal.frame_first import render_frame_first
from archive.portal.worklist_columns import headings
from archive.query.facets import visible_modalities, visible_projects
from archive.query.picture_words import pictures_in_words
from archive.query.worklist import worklist_page
from archive.query.worklist_choices import columns_of, kept_filters
from archive.query.worklist_order import INDEXED_SORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from archive.query.worklist import WorklistFilters, WorklistPage
    from archive.query.worklist_choices import KeptFilter

PAGE_SIZE = 25
MAX_CSV_ROWS = 5000
_CSV_PAGE = 500
_PLACE = ("page", "after", "before", "since")


@require_safe
def study_list(request: HttpRequest) -> HttpResponseBase:
    """Show the worklist; htmx gets the table alone."""
    user: Any = request.user
    is_part = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    kept = [] if is_part else kept_filters(user)
    begins_with = next((one.query for one in kept if one.is_default), "")
    if begins_with and not request.GET:
        return redirect(f"{reverse('portal:study-list')}?{begins_with}")
    if is_part:
        return render(request, "worklist/_table.html", _rows(request))
    return render_frame_first(
        request, "worklist/study_list.html", lambda: {**_rows(request), **_tools(request, kept)}
    )


def _rows(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the table."""
    # Before the rows are read: what comes in between is new.
    now = timezone.now()
    user: Any = request.user
    form = WorklistForm(request.GET)
    filters = form.filters()
    page = worklist_page(user, filters, place=form.place(), page_size=PAGE_SIZE)
    context = {"form": form, "filters": filters, **_table(request, page, filters)}
    context["is_filtered"] = form.is_narrowed()
    context["news_url"] = _address(
        request, "portal:study-news", since=now.isoformat(timespec="microseconds")
    )
    return context


def _tools(request: HttpRequest, kept: list[KeptFilter]) -> dict[str, Any]:
    """Return the context of what stands around the table."""
    user: Any = request.user
    acts = acts_for(user)
    return {
        "modalities": visible_modalities(user),
        "projects": visible_projects(user),
        "acts": acts,
        "rare_acts": [act for act in acts if act.is_rare],
        "kept": kept,
        "query": _query(request),
        "all_columns": headings(columns_of(user)),
    }


@require_safe
def study_news(request: HttpRequest) -> HttpResponse:
    """Say how many studies came since that the list would show."""
    form = WorklistForm(request.GET)
    filters = form.filters()
    count = 0
    if filters.received_after is not None:
        page = worklist_page(request.user, filters, page_size=1)
        count = page.total
    context = {
        "count": count,
        "news_url": request.get_full_path(),
        "fresh_url": _address(request, "portal:study-list", since=None),
    }
    return render(request, "worklist/_news.html", context)


@require_safe
def study_csv(request: HttpRequest) -> HttpResponseBase:
    """Send the rows of the list as a table."""
    form = WorklistForm(request.GET)
    filters = form.filters()
    first = worklist_page(request.user, filters, page_size=_CSV_PAGE)
    # Before the first byte: how many there will be at most.
    record_list_export(asker_of(request), rows=min(first.total, MAX_CSV_ROWS))
    response = StreamingHttpResponse(_lines(request, filters, first), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="studies.csv"'
    return response


def _lines(request: HttpRequest, filters: WorklistFilters, first: WorklistPage) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_csv_head())
    for row in _csv_rows(request, filters, first):
        writer.writerow([safe_cell(cell) for cell in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _csv_head() -> list[str]:
    return [
        *(_("Patient"), _("Patient ID"), _("Birth date"), _("Sex"), _("Study date"), _("Time")),
        *(_("Modality"), _("Description"), _("Accession"), _("Series"), _("Objects")),
        *(_("Received"), _("Study Instance UID")),
    ]


def _csv_rows(
    request: HttpRequest, filters: WorklistFilters, first: WorklistPage
) -> Iterator[list[object]]:
    page, number, written = first, 1, 0
    while page.rows:
        for row in page.rows[: MAX_CSV_ROWS - written]:
            yield [
                *(row.patient_name, row.patient_id, row.patient_birth_date, row.patient_sex),
                *(row.study_date, row.study_time, " ".join(row.modalities), row.description),
                *(row.accession_number, row.number_of_series, row.number_of_instances),
                *(row.received_at.isoformat(timespec="seconds"), row.study_uid),
            ]
        written += len(page.rows)
        if written >= MAX_CSV_ROWS or page.page >= page.number_of_pages:
            return
        number += 1
        page = worklist_page(request.user, filters, page=number, page_size=_CSV_PAGE)


def _table(request: HttpRequest, page: WorklistPage, filters: WorklistFilters) -> dict[str, Any]:
    user: Any = request.user
    uids = [row.study_uid for row in page.rows]
    return {
        "page": page,
        "columns": columns_of(user),
        "statuses": [
            (column.heading, column.statuses(user, uids))
            for column in panels.status_columns.values()
        ],
        "words": pictures_in_words(user, [row.thumbnail_series_uid for row in page.rows]),
        "actions": list(panels.case_actions.values()),
        "sorts": _sort_links(request, filters.sort, is_descending=filters.is_descending),
        **_neighbours(request, page),
    }


def _neighbours(request: HttpRequest, page: WorklistPage) -> dict[str, str]:
    """Return where the pages before and behind this one are: found by a study of this one."""
    before, after = "", ""
    if page.rows and page.page > 1:
        before = _address(request, before=page.rows[0].study_uid, page=page.page - 1)
    if page.rows and page.page < page.number_of_pages:
        after = _address(request, after=page.rows[-1].study_uid, page=page.page + 1)
    return {"previous_url": before, "next_url": after, "first_url": _address(request)}


def _query(request: HttpRequest) -> str:
    """Return what the list is narrowed to and its order, without the place in it."""
    query = request.GET.copy()
    for name in _PLACE:
        query.pop(name, None)
    return query.urlencode()


def _address(request: HttpRequest, name: str = "portal:study-list", **place: Any) -> str:
    query = request.GET.copy()
    for one in _PLACE:
        query.pop(one, None)
    for key, value in place.items():
        if value is not None:
            query[key] = str(value)
    return f"{reverse(name)}?{query.urlencode()}"


def _sort_links(request: HttpRequest, current: str, *, is_descending: bool) -> dict[str, Any]:
    links = {}
    for key in sorted(INDEXED_SORTS):
        is_current = key == current
        starts_descending = key in {"date", "received"}
        next_descending = not is_descending if is_current else starts_descending
        direction = "descending" if is_descending else "ascending"
        links[key] = {
            "url": _address(request, sort=f"-{key}" if next_descending else key),
            "direction": direction if is_current else "none",
        }
    return links
