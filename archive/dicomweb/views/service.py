"""The service's root: what it offers (PS3.18 8.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicomweb.views.answers import capabilities, dicomweb_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@dicomweb_view("GET")
def service(request: HttpRequest) -> HttpResponse:
    """Tell what the service offers, as OPTIONS does."""
    return capabilities(request, ("OPTIONS", "GET", "HEAD"))
