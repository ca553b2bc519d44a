"""What every page needs: theme, navigation, what waits for attention. All of it lazy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.functional import SimpleLazyObject

from archive.portal import panels
from archive.query.attention import attention_counts

if TYPE_CHECKING:
    from django.http import HttpRequest

THEMES = frozenset({"dark", "light"})
THEME_COOKIE = "twinsight_theme"


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the context of `templates/base.html`; queries run only where a page asks."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    user = getattr(request, "user", None)
    return {
        "theme": theme if theme in THEMES else "dark",
        "navigation_items": list(panels.navigation_items.values()),
        "attention": SimpleLazyObject(lambda: attention_counts(user) if user else {}),
    }
