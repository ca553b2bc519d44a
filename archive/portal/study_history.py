"""Who opened a study: a page for radiology admins and auditors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.audit.history import CHANGING, READING
from archive.portal.act_words import act_words
from archive.portal.statuses import speaks_html
from archive.portal.study_head import study_head
from archive.query.study_history import PAGE_SIZE, study_history
from archive.query.study_overview import study_overview

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_KINDS = (
    ("", _("Everything")),
    (READING, pgettext_lazy("was read", "Read")),
    (CHANGING, _("Changed")),
)
_MAX_DIGITS = 18


@require_safe
@speaks_html
def history(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show a page of the trail; htmx gets the lines alone."""
    overview = study_overview(request.user, study_uid)
    kind = request.GET.get("kind", "")
    kind = kind if kind in {READING, CHANGING} else ""
    before = _key(request.GET.get("before", ""))
    lines = study_history(
        request.user, study_uid, asker=asker_of(request), kind=kind, before=before
    )
    address = reverse("portal:study-history", args=(study_uid,))
    older = f"{address}?kind={kind}&before={lines[PAGE_SIZE - 1].key}" if lines[PAGE_SIZE:] else ""
    context: dict[str, Any] = {
        "lines": [(line, act_words(line.act)) for line in lines[:PAGE_SIZE]],
        "older_url": older,
        "kinds": [
            {"label": label, "url": f"{address}?kind={key}", "is_current": key == kind}
            for key, label in _KINDS
        ],
    }
    if request.headers.get("HX-Request"):
        return render(request, "portal/_history_lines.html", context)
    context |= study_head(request.user, overview, "history")
    return render(request, "portal/study_history.html", context)


def _key(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else None
