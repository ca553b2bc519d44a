"""All pages for administrators in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from archive.portal.context import management_groups

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show what the user administers, and what waits there."""
    groups = management_groups(request.user)
    if not groups:
        raise PermissionDenied(_("These pages are for administrators."))
    return render(request, "manage/overview.html", {"groups": groups})
