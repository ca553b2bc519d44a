"""Messages of the hospital's other systems: what became of them, and trying again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from archive.access.middleware import asker_of
from archive.corrections.messages import MESSAGE_STATES, message_page, retry_message
from archive.errors import StateConflictError
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

TONES = {"failed": "bad", "rejected": "warn", "done": "ok", "queued": "busy"}


@require_safe
@speaks_html
def message_list(request: HttpRequest) -> HttpResponse:
    """Show messages, newest first; never what they say."""
    state = request.GET.get("state", "")
    page = message_page(request.user, request.GET.get("page"), state=state)
    more = f"&state={state}" if state in dict(MESSAGE_STATES) else ""
    context = {
        "page": page,
        "rows": [(row, TONES.get(row.state, "")) for row in page.object_list],
        "state": state,
        "states": MESSAGE_STATES,
        "previous_url": f"?page={page.number - 1}{more}" if page.has_previous() else "",
        "next_url": f"?page={page.number + 1}{more}" if page.has_next() else "",
    }
    return render(request, "corrections/messages.html", context)


@require_POST
@speaks_html
def message_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a message that failed applied again."""
    try:
        retry_message(asker=asker_of(request), message_id=pk)
        messages.success(request, _("The message is tried again."))
    except StateConflictError as error:
        messages.error(request, error.message)
    return redirect("portal:message-list")
