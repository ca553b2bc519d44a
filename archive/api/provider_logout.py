"""Where the OpenID provider says that somebody signed out there (Back-Channel Logout 1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from archive.access.attempts import attempts, count_attempt
from archive.access.middleware import asker_of
from archive.access.refused_tokens import LIMIT, WINDOW_S
from archive.accounts.provider_logout import end_provider_sessions
from archive.errors import NotAllowedError

if TYPE_CHECKING:
    from django.http import HttpRequest

_NO_STORE = {"Cache-Control": "no-store"}


@csrf_exempt
@login_not_required
@require_POST
def provider_logout(request: HttpRequest) -> HttpResponse:
    """End the sessions of whoever signed out at the provider; its signature is what counts."""
    key = f"bad-logouts:{request.META.get('REMOTE_ADDR', '')}"
    if attempts(key) > LIMIT:
        headers = {**_NO_STORE, "Retry-After": str(WINDOW_S)}
        return JsonResponse({"error": "too_many_requests"}, status=429, headers=headers)
    try:
        end_provider_sessions(
            asker=asker_of(request), logout_token=request.POST.get("logout_token", "")
        )
    except NotAllowedError as error:
        count_attempt(key, window_s=WINDOW_S)
        body = {"error": "invalid_request", "error_description": error.message}
        return JsonResponse(body, status=400, headers=_NO_STORE)
    return HttpResponse(status=200, headers=_NO_STORE)
