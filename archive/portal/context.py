"""What every page needs: theme, navigation, what waits for attention. All of it lazy."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from archive.access.break_glass import may_break_glass, open_emergencies
from archive.access.selectors import is_radiology_admin, is_site_radiology_admin
from archive.accounts.memberships import may_staff_any
from archive.accounts.selectors import is_user_admin
from archive.corrections.messages import failed_messages, may_see_messages
from archive.forwarding.queue import failed_count
from archive.forwarding.queueing import has_peers_for
from archive.ingest.selectors import quarantine_visible_to
from archive.notices.selectors import unread_count
from archive.portal import panels
from archive.query.identity import identity_conflict_count
from archive.scheduling.selectors import may_schedule_any

if TYPE_CHECKING:
    from django.http import HttpRequest

    from archive.models.querysets import AnyUser

OWN_NAVIGATION = (
    panels.NavigationItem(
        label=_("Schedule"),
        icon="calendar",
        url_name="portal:schedule",
        is_for=may_schedule_any,
    ),
)
OWN_ITEMS = (
    panels.ManagementItem(
        label=_("Quarantine"),
        icon="shield-alert",
        url_name="portal:quarantine-list",
        count=lambda user: quarantine_visible_to(user).count(),
        what=_("refused files"),
        hint=_("Files that could not be archived, and what to do about them."),
    ),
    panels.ManagementItem(
        label=_("Folders"),
        icon="folder-open",
        url_name="portal:folder-list",
        is_for=is_site_radiology_admin,
        group="traffic",
        hint=_("Folders of this machine whose files are taken in."),
    ),
    panels.ManagementItem(
        label=_("Identity"),
        icon="users",
        url_name="portal:identity-list",
        count=identity_conflict_count,
        what=_("conflicts"),
        hint=_("Patients whose names or birth dates contradict."),
    ),
    panels.ManagementItem(
        label=_("Corrections"),
        icon="pencil",
        url_name="portal:correction-list",
        hint=_(
            "What is said of patients and studies, put right and undone; studies without order."
        ),
    ),
    panels.ManagementItem(
        label=_("Deleted"),
        icon="trash-2",
        url_name="portal:removal-list",
        hint=_("What was deleted and can still be brought back."),
    ),
    panels.ManagementItem(
        label=_("Messages"),
        icon="inbox",
        url_name="portal:message-list",
        count=failed_messages,
        what=_("messages that failed"),
        is_for=may_see_messages,
        group="traffic",
        hint=_("HL7 of the hospital's other systems: patients and orders."),
    ),
    panels.ManagementItem(
        label=_("Forwarding"),
        icon="share-2",
        url_name="portal:forwarding",
        count=failed_count,
        what=_("instances that peers did not take"),
        is_for=is_site_radiology_admin,
        group="traffic",
        hint=_("What goes on to other systems, by which rules."),
    ),
    panels.ManagementItem(
        label=_("Fetching"),
        icon="download",
        url_name="portal:fetch-list",
        group="traffic",
        hint=_("Studies asked of other systems, and earlier ones fetched ahead."),
    ),
    panels.ManagementItem(
        label=_("Peers"),
        icon="link",
        url_name="portal:peer-list",
        is_for=is_site_radiology_admin,
        group="traffic",
        hint=_("Modalities, archives and viewers that may call, or are called."),
    ),
    panels.ManagementItem(
        label=_("Users"),
        icon="user",
        url_name="portal:user-list",
        is_for=is_user_admin,
        group="people",
        hint=_("Who signs in, and with what; groups of directories, OAuth 2 clients."),
    ),
    panels.ManagementItem(
        label=_("Projects"),
        icon="folder-open",
        url_name="portal:project-list",
        is_for=may_staff_any,
        group="people",
        hint=_("Who works together on which studies, and how much they may store."),
    ),
    panels.ManagementItem(
        label=_("Roles"),
        icon="lock",
        url_name="portal:role-list",
        is_for=may_staff_any,
        group="people",
        hint=_("Who holds what where, and until when."),
    ),
    panels.ManagementItem(
        label=_("Queues"),
        icon="list",
        url_name="portal:queue-list",
        is_for=is_site_radiology_admin,
        group="system",
        hint=_("What waits, what hangs, which workers are alive."),
    ),
    panels.ManagementItem(
        label=_("Storage"),
        icon="layers",
        url_name="portal:storage",
        is_for=is_site_radiology_admin,
        group="system",
        hint=_("How full the disk is, when it will be, and whether every file is whole."),
    ),
    panels.ManagementItem(
        label=_("Quotas"),
        icon="sliders-horizontal",
        url_name="portal:quota-list",
        is_for=is_site_radiology_admin,
        group="system",
        hint=_("How much each project may store."),
    ),
    panels.ManagementItem(
        label=_("Tables"),
        icon="grid-3x3",
        url_name="admin:index",
        is_for=lambda user: user.is_active and user.is_staff and user.is_superuser,
        group="system",
        hint=_("Everything else, row by row, to look at."),
    ),
)
# Pages of administrators that have no entry of their own lie under it.
OVERVIEW = "portal:manage"
THEMES = frozenset({"dark", "light"})
THEME_COOKIE = "twinsight_theme"


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the context of `templates/base.html`; queries run only where a page asks."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    user = getattr(request, "user", None)
    return {
        "theme": theme if theme in THEMES else "dark",
        "navigation_items": SimpleLazyObject(lambda: _navigation(user)),
        "place": SimpleLazyObject(lambda: _place(request.path)),
        "unread_notices": SimpleLazyObject(lambda: _unread_notices(user)),
        "may_store": SimpleLazyObject(lambda: user is not None and may_schedule_any(user)),
        "may_send": SimpleLazyObject(lambda: user is not None and has_peers_for(user)),
        "attention": SimpleLazyObject(lambda: _attention(user) if user else {}),
        "open_emergencies": SimpleLazyObject(lambda: open_emergencies(user) if user else []),
        "may_break_glass": SimpleLazyObject(lambda: user is not None and may_break_glass(user)),
    }


def _navigation(user: AnyUser | None) -> list[panels.NavigationItem]:
    """Return the entries of the bar that are for this user."""
    return [
        item
        for item in (*panels.navigation_items.values(), *OWN_NAVIGATION)
        if item.is_for is None or (user is not None and item.is_for(user))
    ]


def _place(path: str) -> str:
    """Return the entry of the bar or of its menu under which a page lies; empty under none."""
    above = [(len(root), name) for root, name in _roots() if path.startswith(root)]
    return max(above)[1] if above else ""


@cache
def _roots() -> tuple[tuple[str, str], ...]:
    """Return address and name of each entry; all are registered when the program starts."""
    managed = [item.url_name for item in (*OWN_ITEMS, *panels.management_items.values())]
    at_hand = [item.url_name for item in (*OWN_NAVIGATION, *panels.navigation_items.values())]
    return tuple((reverse(name), name) for name in (OVERVIEW, *managed, *at_hand))


def _attention(user: AnyUser) -> dict[str, Any]:
    """Return the menu of an administrator with what waits, by groups; empty for everyone else."""
    groups = management_groups(user)
    if not groups:
        return {}
    entries = [entry for group in groups for entry in group["entries"]]
    return {
        "places": {OVERVIEW, *(entry["item"].url_name for entry in entries)},
        "groups": groups,
        "waiting": sum(entry["count"] for entry in entries),
        "is_radiology_admin": is_radiology_admin(user),
    }


def management_groups(user: AnyUser) -> list[dict[str, Any]]:
    """Return the pages that the user administers by, in groups, each with how much waits there."""
    if not user.is_authenticated:
        return []
    groups: dict[str, list[dict[str, Any]]] = {key: [] for key in panels.MANAGEMENT_GROUPS}
    for item in (*OWN_ITEMS, *panels.management_items.values()):
        if (item.is_for or is_radiology_admin)(user):
            count = item.count(user) if item.count else 0
            groups[item.group].append({"item": item, "count": count})
    return [
        {"label": panels.MANAGEMENT_GROUPS[key], "entries": entries}
        for key, entries in groups.items()
        if entries
    ]


def _unread_notices(user: AnyUser | None) -> int:
    """Return what the bell rings for."""
    return unread_count(user) if user is not None and user.is_authenticated else 0
