"""News as its reader sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from archive.models import Follow, Notice, NoticeChoice, Study
from archive.models.prepared import Prepared
from archive.notices.topics import topics_for
from archive.notices.types import Choice

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

# The bell counts no further.
MOST_COUNTED = 100
_UNREAD = Prepared(
    lambda user, account: (
        _notices(user, account)
        .filter(read_at__isnull=True)
        .order_by()
        .values_list("pk")[:MOST_COUNTED]
    )
)
_FOLLOWED = Prepared(
    lambda _, account, uid: (
        Follow.objects.filter(user=account, study__study_instance_uid=uid)
        .order_by()
        .values_list("pk")[:1]
    )
)


def notices_of(user: AnyUser, *, topic: str = "", is_unread: bool = False) -> QuerySet[Notice]:
    """Return the user's news, the newest first; of studies outside their rights, none."""
    rows = _notices(user, user.pk or 0)
    if topic:
        rows = rows.filter(topic=topic)
    if is_unread:
        rows = rows.filter(read_at__isnull=True)
    return rows.select_related("study")


def _notices(user: AnyUser, account: int) -> QuerySet[Notice]:
    studies = Study.objects.visible_to(user).filter(pk=OuterRef("study_id"))
    return Notice.objects.filter(Q(study__isnull=True) | Exists(studies), user=account)


def unread_count(user: AnyUser) -> int:
    """Count what the bell rings for; `MOST_COUNTED` stands for that and more."""
    return len(_UNREAD(user, account=user.pk or 0))


def choices_of(user: AnyUser) -> list[Choice]:
    """Return each topic that is for the user, with what they want of it."""
    rows = {row.topic: row for row in NoticeChoice.objects.filter(user=user.pk or 0)}
    return [
        Choice(topic, rows[topic.key].in_portal, rows[topic.key].by_mail)
        if topic.key in rows
        else Choice(topic, in_portal=topic.is_on, by_mail=False)
        for topic in topics_for(user)
    ]


def is_following(user: AnyUser, study_instance_uid: str) -> bool:
    """Whether the user follows the study."""
    return bool(_FOLLOWED(None, account=user.pk or 0, uid=study_instance_uid))


def followed_of(user: AnyUser, study_instance_uids: Collection[str]) -> set[str]:
    """Return which of the studies the user follows."""
    rows = Follow.objects.filter(
        user=user.pk or 0, study__study_instance_uid__in=study_instance_uids
    )
    return set(rows.values_list("study__study_instance_uid", flat=True))


def follows_of(user: AnyUser) -> QuerySet[Follow]:
    """Return what the user follows and may see, the latest first."""
    studies = Study.objects.visible_to(user).filter(pk=OuterRef("study_id"))
    rows = Follow.objects.filter(Exists(studies), user=user.pk or 0)
    return rows.select_related("study__patient")
