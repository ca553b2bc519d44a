"""What a token must be allowed to do for a view; sessions hold every scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.http import HttpRequest

ViewT = TypeVar("ViewT")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTRIBUTE, _BY_METHOD = "required_scope", "required_scopes"


def requires_scope(scope: str, *, methods: Collection[str] = ()) -> Callable[[ViewT], ViewT]:
    """Mark a view with the scope its tokens need: for some methods, or whatever the method."""

    def mark(view: ViewT) -> ViewT:
        if methods:
            setattr(view, _BY_METHOD, dict.fromkeys(methods, scope))
        else:
            setattr(view, _ATTRIBUTE, scope)
        return view

    return mark


def scope_needed(request: HttpRequest, view: Any) -> str:
    """Return the scope that the view needs: as marked, else by the method."""
    # Both DRF and Django's View leave the class on the function that as_view() made.
    for place in (view, getattr(view, "view_class", None), getattr(view, "cls", None)):
        by_method = getattr(place, _BY_METHOD, {})
        scope = by_method.get(request.method) or getattr(place, _ATTRIBUTE, None)
        if scope is not None:
            return str(scope)
    return "read" if request.method in SAFE_METHODS else "write"
