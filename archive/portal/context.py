"""What every page needs: theme, navigation, what waits for attention. All of it lazy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.functional import SimpleLazyObject

from archive.access.selectors import is_radiology_admin, is_site_radiology_admin
from archive.forwarding.queue import failed_count
from archive.forwarding.queueing import has_peers_for
from archive.ingest.selectors import quarantine_visible_to
from archive.portal import panels
from archive.query.identity import identity_conflict_count
from archive.scheduling.selectors import may_schedule_any

if TYPE_CHECKING:
    from django.http import HttpRequest

    from archive.models.querysets import AnyUser

OWN_NAVIGATION = (
    panels.NavigationItem(
        label="Schedule",
        icon="calendar",
        url_name="portal:schedule",
        is_for=may_schedule_any,
    ),
)
OWN_ITEMS = (
    panels.ManagementItem(
        label="Quarantine",
        icon="shield-alert",
        url_name="portal:quarantine-list",
        count=lambda user: quarantine_visible_to(user).count(),
        what="refused files",
    ),
    panels.ManagementItem(
        label="Identity",
        icon="users",
        url_name="portal:identity-list",
        count=identity_conflict_count,
        what="conflicts",
    ),
    panels.ManagementItem(
        label="Deleted",
        icon="trash-2",
        url_name="portal:removal-list",
    ),
    panels.ManagementItem(
        label="Forwarding",
        icon="share-2",
        url_name="portal:forwarding",
        count=failed_count,
        what="instances that peers did not take",
        is_for=is_site_radiology_admin,
    ),
    panels.ManagementItem(label="Fetching", icon="download", url_name="portal:fetch-list"),
    panels.ManagementItem(
        label="Peers", icon="link", url_name="portal:peer-list", is_for=is_site_radiology_admin
    ),
    panels.ManagementItem(
        label="Quotas", icon="layers", url_name="portal:quota-list", is_for=is_site_radiology_admin
    ),
)
THEMES = frozenset({"dark", "light"})
THEME_COOKIE = "twinsight_theme"


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the context of `templates/base.html`; queries run only where a page asks."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    user = getattr(request, "user", None)
    return {
        "theme": theme if theme in THEMES else "dark",
        "navigation_items": SimpleLazyObject(lambda: _navigation(user)),
        "notices": SimpleLazyObject(lambda: _notices(user)),
        "may_send": SimpleLazyObject(lambda: user is not None and has_peers_for(user)),
        "attention": SimpleLazyObject(lambda: _attention(user) if user else {}),
    }


def _navigation(user: AnyUser | None) -> list[panels.NavigationItem]:
    """Return the entries of the bar that are for this user."""
    return [
        item
        for item in (*panels.navigation_items.values(), *OWN_NAVIGATION)
        if item.is_for is None or (user is not None and item.is_for(user))
    ]


def _attention(user: AnyUser) -> dict[str, Any]:
    """Return the menu of a radiology admin with what waits; empty for everyone else."""
    if not is_radiology_admin(user):
        return {}
    entries = [
        {"item": item, "count": item.count(user) if item.count else 0}
        for item in (*OWN_ITEMS, *panels.management_items.values())
        if item.is_for is None or item.is_for(user)
    ]
    return {"entries": entries, "waiting": sum(entry["count"] for entry in entries)}


def _notices(user: AnyUser | None) -> list[dict[str, Any]]:
    """Return the signs at the end of the bar, each with how much is new to the user."""
    if user is None or not user.is_authenticated:
        return []
    return [{"item": item, "count": item.count(user)} for item in panels.notice_items.values()]
