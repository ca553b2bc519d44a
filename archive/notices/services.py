"""Tell people of what concerns them: one row a person and piece of news."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext

from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import Account, Notice, NoticeChoice
from archive.notices.topics import topics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from django.contrib.auth.models import AnonymousUser, User
    from django.utils.functional import _StrPromise

    from archive.models.querysets import AnyUser

_LENGTHS = {"title": 255, "body": 1000}


class _Wish(NamedTuple):
    in_portal: bool
    by_mail: bool


def tell(
    users: Iterable[User | int],
    topic: str,
    title: str | _StrPromise,
    path: str = "",
    *,
    key: str = "",
    body: str | _StrPromise = "",
    study_id: int | None = None,
    is_repeated: bool = False,
) -> int:
    """Tell people of something, each as they chose; within the caller's transaction.

    Parameters
    ----------
    users
        accounts or their keys; disabled ones are told of nothing
    topic
        of `archive.notices.topics`
    title, body
        what there is to say; mail carries them out of the house, so they name no patient. Lazy
        texts are written in each reader's language.
    path
        where in the portal it is to be seen
    key
        the same key is told to the same person once; empty for news that may come again
    study_id
        key of the study it is about: who may not see it any more is not shown the news either
    is_repeated
        what was told under this key and read since is told anew; unread it stays as it is

    Returns
    -------
    how many people were told

    Raises
    ------
    KeyError
        There is no such topic.
    """
    default = _Wish(in_portal=topics[topic].is_on, by_mail=False)
    keys = {user if isinstance(user, int) else user.pk for user in users}
    if not keys:
        return 0
    said = {"topic": topic, "path": path[:500], "key": key[:200], "study_id": study_id}
    rows = [
        Notice(**said, **values)
        for values in _values_for(keys, topic, default, title=title, body=body)
    ]
    return _keep(rows, key[:200], is_repeated=is_repeated)


def _values_for(
    keys: set[int], topic: str, default: _Wish, **texts: str | _StrPromise
) -> Iterator[dict[str, Any]]:
    """Yield what differs from person to person: language, bell and mail."""
    wishes = {
        row.user_id: _Wish(row.in_portal, row.by_mail)
        for row in NoticeChoice.objects.filter(user__in=keys, topic=topic)
    }
    languages = dict(Account.objects.filter(user__in=keys).values_list("user_id", "language"))
    now = timezone.now()
    due = now + timedelta(minutes=settings.TWINSIGHT_MAIL_DIGEST_MINUTES)
    active = get_user_model().objects.filter(pk__in=keys, is_active=True)
    for pk in active.values_list("pk", flat=True):
        wish = wishes.get(pk, default)
        if not any(wish):
            continue
        with translation.override(languages.get(pk) or settings.LANGUAGE_CODE):
            said = {name: str(text)[: _LENGTHS[name]] for name, text in texts.items()}
        yield said | {
            "user_id": pk,
            # What is wanted by mail alone rings no bell.
            "read_at": None if wish.in_portal else now,
            "mail_due_at": due if wish.by_mail else None,
        }


def _keep(rows: list[Notice], key: str, *, is_repeated: bool) -> int:
    with transaction.atomic():
        if key:
            told = Notice.objects.filter(user__in=[row.user_id for row in rows], key=key)
            if is_repeated:
                # What waits to be mailed is news yet.
                told.filter(read_at__isnull=False, mail_due_at__isnull=True).delete()
            known = set(told.values_list("user_id", flat=True))
            rows = [row for row in rows if row.user_id not in known]
        Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def mark_read(user: AnyUser, notice_ids: Collection[int] | None = None) -> int:
    """Note that the user has seen news of theirs: the named ones, or all."""
    rows = Notice.objects.filter(user=user.pk or 0, read_at__isnull=True)
    if notice_ids is not None:
        rows = rows.filter(pk__in=notice_ids)
    return rows.update(read_at=timezone.now(), mail_due_at=None)


def mark_topic_read(user: AnyUser, topic: str, *, key: str = "") -> int:
    """Note that the user has seen on another page what a topic's news, or a key's, was about."""
    rows = Notice.objects.filter(user=user.pk or 0, topic=topic, read_at__isnull=True)
    rows = rows.filter(key=key) if key else rows
    return rows.update(read_at=timezone.now(), mail_due_at=None)


def withdraw(topic: str, key: str) -> int:
    """Take unread news back from everybody: somebody has dealt with what it was about."""
    is_news = Q(read_at__isnull=True) | Q(mail_due_at__isnull=False)
    return Notice.objects.filter(is_news, topic=topic, key=key).delete()[0]


def change_choices(user: User | AnonymousUser, wanted: dict[str, tuple[bool, bool]]) -> None:
    """Keep what the user wants to be told of.

    Parameters
    ----------
    user
        who chooses for themselves
    wanted
        topic to (in the portal, by mail); topics that are left out stay as they are

    Raises
    ------
    NotAllowedError
        Nobody is signed in.
    InvalidRequestError
        There is no such topic, or mail is wanted where none can be sent.
    """
    if not user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to choose your notices."))
    unknown = sorted(set(wanted) - set(topics))
    if unknown:
        raise InvalidRequestError(
            gettext("There is no topic %(unknown)s.") % {"unknown": repr(unknown[0][:32])}
        )
    if any(by_mail for _, by_mail in wanted.values()) and not can_be_mailed(user):
        raise InvalidRequestError(gettext("There is no mail here, or your account has no address."))
    with transaction.atomic():
        for topic, (in_portal, by_mail) in wanted.items():
            NoticeChoice.objects.update_or_create(
                user_id=user.pk,
                topic=topic,
                defaults={"in_portal": in_portal, "by_mail": by_mail},
            )


def can_be_mailed(user: AnyUser) -> bool:
    """Whether the site sends mail and the account has an address."""
    return bool(settings.TWINSIGHT_EMAIL_URL and getattr(user, "email", ""))
