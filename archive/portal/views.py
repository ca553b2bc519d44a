"""Pages that belong to no other file: the way in, and patients whose identity is in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from archive.portal.statuses import speaks_html
from archive.query.identity import identity_conflicts

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def home(_request: HttpRequest) -> HttpResponse:
    """Lead to the study list."""
    return redirect("portal:study-list")


@login_not_required
@require_safe
@cache_control(public=True, max_age=24 * 60 * 60)
def favicon(_request: HttpRequest) -> HttpResponse:
    """Lead to the icon, which browsers ask for here beside what is no page of ours (JSON, a file).

    Not for ever: the address that is led to changes with the icon.
    """
    return redirect(static("portal/img/favicon.svg"))


@require_safe
@speaks_html
def identity_list(request: HttpRequest) -> HttpResponse:
    """Show patients whose identity is in doubt."""
    return render(
        request, "portal/identity_list.html", {"conflicts": identity_conflicts(request.user)}
    )
