"""What a token must be allowed to do for a view; sessions hold every scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.http import HttpRequest

ViewT = TypeVar("ViewT")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTRIBUTE, _BY_METHOD = "required_scope", "required_scopes"
# Pages on which ways in are made and given: whoever found a token would be a person by them.
_FOR_PEOPLE = ("/account/", "/admin/", "/manage/")
# Pages whose twins in REST want more than a method says.
_FOR_ADMINS = ("/audit/", "/removals/")


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
    if request.path_info.startswith(_FOR_ADMINS):
        return "admin"
    return "read" if request.method in SAFE_METHODS else "write"


def is_for_people(path: str) -> bool:
    """Whether a page is for people who signed in, whatever the scopes of a token."""
    return path.startswith(_FOR_PEOPLE)


def lacks_scope(request: HttpRequest, scope: str) -> bool:
    """Whether a token asks that has not the scope; sessions have every one."""
    token = getattr(request, "token", None)
    return token is not None and scope not in token.scopes
