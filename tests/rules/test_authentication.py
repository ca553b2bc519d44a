"""No route answers a stranger, except those that say so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

pytestmark = pytest.mark.django_db

OPEN_ROUTES = {
    "healthz",
    "readyz",
    "metrics",
    "login/",
    "admin/login/",
    "admin/jsi18n/",
    # Ways back in, and what programs need before they have a token.
    "account/forgotten/",
    "account/forgotten/sent/",
    "account/forgotten/done/",
    "account/inactive/",
    "login/failed/",
    "oauth/token/",
    # The provider shows a signed statement.
    "oauth/provider-logout/",
    "fhir/R4/metadata",
    ".well-known/oauth-authorization-server",
    ".well-known/smart-configuration",
    "fhir/R4/.well-known/smart-configuration",
    "favicon.ico",
    # What scripts say, in each language; the sign-in has scripts, too.
    "words/<slug:language>/<slug:version>.js",
}


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route


def _views(resolver: URLResolver) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern)
        else:
            yield pattern.callback


def test_views_of_rest_framework_are_denied_by_default_too() -> None:
    """Its views exempt themselves from Django's login rule, and token scopes with it."""
    for view in _views(get_resolver()):
        if hasattr(view, "cls"):
            assert getattr(view, "login_required", False), f"{view} is not behind the login"


def _example(route: str) -> str:
    filled = re.sub(r"<(?:int:)?(?:frame|frames|number|k|pk|object_id|run_id)[^>]*>", "1", route)
    filled = re.sub(r"<(?:path|str|slug):[^>]+>|<[^>:]+>", "1", filled)
    filled = re.sub(r"<[^>]+>", "1.2.3", filled)
    return "/" + re.sub(r"\(\?P[^)]*\)|[\^$\\?]", "", filled)


ROUTES = sorted(set(_routes(get_resolver())))
CLOSED_ROUTES = [route for route in ROUTES if route not in OPEN_ROUTES]


@pytest.mark.parametrize("route", CLOSED_ROUTES)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_stranger_gets_401_or_the_login_page(client: Client, route: str, method: str) -> None:
    response = getattr(client, method)(_example(route))

    is_refused = response.status_code in {401, 403, 404, 405}
    is_sent_to_login = response.status_code == 302 and "login" in response["Location"]
    assert is_refused or is_sent_to_login, f"{response.status_code} for {_example(route)}"


def test_open_routes_are_only_these(client: Client) -> None:
    reached = {
        route for route in ROUTES if client.get(_example(route)).status_code not in {302, 401, 404}
    }
    assert reached <= OPEN_ROUTES
