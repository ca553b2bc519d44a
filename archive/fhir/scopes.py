"""What a token's scopes let it do with a kind of resource; sessions and plain scopes do all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.access.smart import allows
from archive.errors import NotAllowedError

if TYPE_CHECKING:
    from django.http import HttpRequest

READ, SEARCH = "r", "s"


def is_allowed(request: HttpRequest, kind: str, act: str) -> bool:
    """Whether the request's token may do an act with resources of a kind."""
    token = getattr(request, "token", None)
    if token is None or "read" in token.scopes:
        return True
    return allows(token.resource_scopes, kind, act)


def require_allowed(request: HttpRequest, kind: str, act: str) -> None:
    """Raise NotAllowedError unless the request's token may do the act."""
    if not is_allowed(request, kind, act):
        raise NotAllowedError(f"This token lacks the scope system/{kind}.{act}.")
