"""The audit trail: searched, and taken out as a file."""

from __future__ import annotations

import csv
import io
import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from archive.access.audit_search import (
    export_trail,
    known_acts,
    require_may_read_trail,
    search_trail,
)
from archive.access.middleware import asker_of
from archive.inbox.reports import safe_cell
from archive.portal.act_details import detail_words
from archive.portal.act_words import act_words, event_words
from archive.portal.sharing_forms import AuditForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpRequest, HttpResponse

    from archive.models import AuditEvent

_COLUMNS = (
    "recorded_at",
    "event_id",
    "act",
    "action",
    "outcome",
    "actor_name",
    "token_hint",
    "door",
    "address",
    "study_instance_uid",
    "details",
)


@require_safe
@speaks_html
def audit_page(request: HttpRequest) -> HttpResponse:
    """Show records, newest first; htmx gets the table alone."""
    require_may_read_trail(request.user)
    form = AuditForm(request.GET)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        page = search_trail(
            asker=asker_of(request), filters=form.filters(), before=form.cleaned_data["before"]
        )
        context["rows"] = [
            (row, act_words(row.act), event_words(row.event_id), detail_words(row.details))
            for row in page.rows
        ]
        query = request.GET.copy()
        query.pop("before", None)
        context["query"] = query.urlencode()
        if page.next_before:
            query["before"] = str(page.next_before)
            context["next_url"] = f"?{query.urlencode()}"
        context["is_first"] = form.cleaned_data["before"] is None
    asked = form.cleaned_data.get("act", "")
    acts = {*known_acts(), *([asked] if asked else [])}
    context["acts"] = sorted(((act, act_words(act)) for act in acts), key=itemgetter(1))
    return render(request, "sharing/audit.html", context, status=200 if form.is_valid() else 422)


@require_safe
@speaks_html
def audit_export(request: HttpRequest, form: str) -> HttpResponse:
    """Send the records as CSV or as JSON lines."""
    asked = AuditForm(request.GET)
    if form not in {"csv", "json"}:
        raise Http404
    if not asked.is_valid():
        message = gettext("These filters can't be read.")
        raise BadRequest(message)
    rows = export_trail(asker=asker_of(request), filters=asked.filters())
    lines = _csv(rows) if form == "csv" else _json_lines(rows)
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    response: Any = StreamingHttpResponse(lines, content_type=kind)
    ending = "csv" if form == "csv" else "ndjson"
    response["Content-Disposition"] = f'attachment; filename="audit.{ending}"'
    answer: HttpResponse = response
    return answer


def _values(row: AuditEvent) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return {"id": row.pk, **values, "recorded_at": row.recorded_at.isoformat()}


def _csv(rows: Iterable[AuditEvent]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["id", *_COLUMNS])
    for row in rows:
        values = _values(row) | {"details": json.dumps(row.details, sort_keys=True)}
        writer.writerow([safe_cell(value) for value in values.values()])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _json_lines(rows: Iterable[AuditEvent]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(_values(row), sort_keys=True) + "\n"
