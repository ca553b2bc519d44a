"""Everybody out at once: for the user administrator, after something was stolen or went wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.auth import logout
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from archive.access.middleware import asker_of
from archive.accounts.selectors import require_user_admin
from archive.accounts.sessions import end_everybodys_sessions, open_sessions
from archive.accounts.stepup import requires_recent_login
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def all_sessions(request: HttpRequest) -> HttpResponse:
    """Say how many sessions there are, and end them all, the asker's own too."""
    require_user_admin(request.user)
    is_sure = request.POST.get("sure") == "1"
    if request.method == "POST" and is_sure:
        end_everybodys_sessions(asker=asker_of(request))
        # Its row is gone: it must not be written again.
        logout(request)
        return redirect(f"{reverse('portal:login')}?{urlencode({'over': 'everybody'})}")
    error = _("Say that you are sure.") if request.method == "POST" else ""
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    context = {"open": open_sessions(), "error": error}
    return render(request, "account/all_sessions.html", context, status=status)
