"""OAuth 2 for programs: tokens by client credentials, their worth, their end, and who we are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from oauth2_provider.views.mixins import OAuthLibMixin

from archive.access.attempts import count_attempt
from archive.access.middleware import asker_of
from archive.access.refused_tokens import LIMIT, WINDOW_S
from archive.access.scopes import requires_scope
from archive.access.smart import PLAIN, RESOURCES
from archive.accounts.assertions import ALGORITHMS
from archive.accounts.introspection import describe_token, end_token
from archive.accounts.oauth import TOKEN_ADDRESS
from archive.accounts.profiles import public_address
from archive.audit.accounts import record_client_login, record_tokens_refused

if TYPE_CHECKING:
    from django.http import HttpRequest

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@csrf_exempt
@login_not_required
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Give a client a token that lives for minutes (RFC 6749 4.4)."""
    if request.content_type != "application/x-www-form-urlencoded":
        return _refusal("invalid_request", "Send application/x-www-form-urlencoded.")
    if _repeated(request):
        return _refusal("invalid_request", "A parameter is repeated.")
    if any("\x00" in value for value in request.POST.values()):
        return _refusal("invalid_request", "A parameter holds a NUL.")
    request.META[TOKEN_ADDRESS] = request.build_absolute_uri(reverse("oauth-token"))
    _address, headers, body, status = OAuthLibMixin().create_token_response(request)
    answer = json.loads(body or "{}")
    if status == 401 and (tries := _refused_before(request)):
        return _wait(request, tries)
    record_client_login(
        asker_of(request),
        client=_client_named(request),
        is_success=status == 200,
        reason=str(answer.get("error", "")),
    )
    response = JsonResponse(answer, status=status)
    for name, value in {**(headers or {}), **_NO_STORE}.items():
        if name.lower() != "content-type":
            response[name] = value
    return response


def _refused_before(request: HttpRequest) -> int:
    """Count one more wrong secret of an address; return how many, where there were too many."""
    key = f"bad-clients:{request.META.get('REMOTE_ADDR', '')}"
    tries = count_attempt(key, window_s=WINDOW_S)
    return tries if tries > LIMIT else 0


def _wait(request: HttpRequest, tries: int) -> HttpResponse:
    """Tell who guesses to wait; that is put on record once. A right secret never waits."""
    if tries == LIMIT + 1:
        record_tokens_refused(asker_of(request), tries=tries)
    body = {"error": "invalid_client", "error_description": "Too many wrong secrets from here."}
    headers = {**_NO_STORE, "Retry-After": str(WINDOW_S)}
    return JsonResponse(body, status=429, headers=headers)


def _repeated(request: HttpRequest) -> bool:
    return any(len(values) > 1 for _name, values in request.POST.lists())


def _client_named(request: HttpRequest) -> str:
    """Return the client's identifier as far as it is plain: what else was sent is not kept."""
    named = request.POST.get("client_id", "")[:100]
    return named if named.isalnum() else ""


def _refusal(error: str, description: str) -> HttpResponse:
    body = {"error": error, "error_description": description}
    return JsonResponse(body, status=400, headers=_NO_STORE)


@require_POST
@requires_scope("read")
def introspect(request: HttpRequest) -> HttpResponse:
    """Say what a token is worth (RFC 7662)."""
    described = describe_token(request.user, request.POST.get("token", ""))
    return JsonResponse(described, headers=_NO_STORE)


@require_POST
@requires_scope("read")
def revoke(request: HttpRequest) -> HttpResponse:
    """End a token of one's own (RFC 7009)."""
    end_token(asker_of(request), request.POST.get("token", ""))
    return HttpResponse(status=200, headers=_NO_STORE)


@login_not_required
@require_safe
def server_metadata(request: HttpRequest) -> HttpResponse:
    """Say how to get tokens here (RFC 8414)."""
    return JsonResponse(_metadata(request), headers={"Cache-Control": "public, max-age=300"})


@login_not_required
@require_safe
def smart_configuration(request: HttpRequest) -> HttpResponse:
    """Say what SMART apps may expect: back-end services, and images by the same token."""
    described = {
        **_metadata(request),
        "capabilities": [
            "client-confidential-asymmetric",
            "client-confidential-symmetric",
            "permission-v1",
            "permission-v2",
            "smart-imaging-access",
        ],
        "associated_endpoints": [
            {
                "url": _address(request, "/dicom-web/"),
                "capabilities": ["smart-imaging-access"],
            }
        ],
    }
    return JsonResponse(described, headers={"Cache-Control": "public, max-age=300"})


def _metadata(request: HttpRequest) -> dict[str, Any]:
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    return {
        "issuer": _address(request, "/").rstrip("/"),
        "token_endpoint": _address(request, reverse("oauth-token")),
        "introspection_endpoint": _address(request, reverse("oauth-introspect")),
        "revocation_endpoint": _address(request, reverse("oauth-revoke")),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": [
            *PLAIN,
            "system/*.rs",
            *(f"system/{resource}.rs" for resource in RESOURCES),
        ],
    }


def _address(request: HttpRequest, path: str) -> str:
    return public_address(request.build_absolute_uri(path))
