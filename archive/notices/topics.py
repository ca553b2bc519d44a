"""The kinds of news there are: the archive's own, and what other rooms register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from archive.access.selectors import is_radiology_admin
from archive.notices.types import Topic

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

FOLLOWED, FILTERS, SHARES, JOBS = "follow", "filter", "share", "job"
REFUSED, IDENTITY, ACCOUNT, EMERGENCY = "quarantine", "identity", "account", "emergency"

topics: dict[str, Topic] = {}


def register_topic(topic: Topic) -> None:
    """Let people choose whether they are told of it."""
    topics[topic.key] = topic


def topics_for(user: AnyUser) -> list[Topic]:
    """Return what the user may be told of, in the order of registration."""
    return [topic for topic in topics.values() if topic.is_for is None or topic.is_for(user)]


for _topic in (
    Topic(FOLLOWED, _("Studies that I follow"), _("New images, results and reports."), "bookmark"),
    Topic(FILTERS, _("Filters that I follow"), _("Studies that arrive and match."), "list-filter"),
    Topic(SHARES, _("Shared with me"), _("Studies and collections."), "share-2"),
    Topic(JOBS, _("My jobs and uploads"), _("Exports, sending and other long work."), "layers"),
    Topic(ACCOUNT, _("My account"), _("Sign-ins, passwords, tokens."), "lock"),
    Topic(
        EMERGENCY,
        _("Emergency access"),
        _("Somebody opened patients of my projects in an emergency."),
        "shield-alert",
        is_for=is_radiology_admin,
    ),
    Topic(
        REFUSED,
        _("Refused files"),
        _("Files that wait in quarantine."),
        "file-warning",
        is_for=is_radiology_admin,
    ),
    Topic(
        IDENTITY,
        _("Identity conflicts"),
        _("Patients whose names or birth dates contradict."),
        "users",
        is_for=is_radiology_admin,
    ),
):
    register_topic(_topic)
