"""What an account holds where, read once a request.

Every rule about rights starts with the asker's memberships, so a page would read the same few rows
a dozen times. They are kept while a door says so (`memberships_kept`), for one request and in its
own thread, and from one request to the next for as long as the database tells of every change
(`rights_watch`); workers and commands, which live long, read anew each time.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db import connection

from archive.models.access import REVIEWING_ROLES
from archive.models.rights_watch import Kept, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

# Held beside roles: single studies, by grants and emergencies; and what a share link shows.
GRANTED, SHARED = "granted", "shared"
_READ = """
    SELECT role, project_id, kind, NULL AS key FROM (
        SELECT m.id, m.role, m.project_id, p.kind FROM "archive_membership" m
        LEFT JOIN archive_project p ON p.id = m.project_id
        WHERE m.user_id = %(user)s
        AND (m.expires_at IS NULL OR m.expires_at > statement_timestamp()) ORDER BY m.id
    ) AS memberships
    UNION ALL
    SELECT %(granted)s, NULL, NULL, %(user)s WHERE EXISTS (
        SELECT FROM archive_studygrant WHERE user_id = %(user)s AND revoked_at IS NULL
    ) OR EXISTS (
        SELECT FROM archive_breakglass WHERE user_id = %(user)s AND ended_at IS NULL
        AND expires_at > statement_timestamp()
    )
"""


class Held(NamedTuple):
    """A role, and the project that it holds in; in every standard project where there is none.

    Beside roles there are ``GRANTED``, whose ``key`` is the account's, and ``SHARED``, whose key is
    the link's and ``within`` what its maker holds: such rows only say that there are studies to be
    looked up (`archive.models.granted`), which ones stands in the database.
    """

    role: str
    project_id: int | None
    project_kind: str | None
    key: int | None = None
    within: tuple[Held, ...] = ()


class Visitor(AnonymousUser):
    """Somebody without an account who holds a share link: it is asked for anew each request."""

    def __init__(self, link: int, within: tuple[Held, ...]) -> None:
        super().__init__()
        # Of what its maker holds only that by which they may show something to others.
        roles = tuple(one for one in within if one.role in REVIEWING_ROLES)
        self.held = (Held(SHARED, None, None, link, roles),)


_recent: Kept[int, tuple[Held, ...]] = Kept()
_kept: ContextVar[dict[int, tuple[Held, ...]] | None] = ContextVar("memberships", default=None)


@contextmanager
def memberships_kept() -> Iterator[None]:
    """Read each account's memberships once until the end of the outermost block."""
    if _kept.get() is not None:
        yield
        return
    before = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(before)


@contextmanager
def memberships_given(user: User | AnonymousUser, held: tuple[Held, ...]) -> Iterator[None]:
    """Take what an account holds as given within the block, whatever changes meanwhile."""
    before = _kept.set({user.pk: held} if user.pk is not None else {})
    try:
        yield
    finally:
        _kept.reset(before)


def forget_memberships() -> None:
    """Read anew what was kept: whoever changes memberships calls this."""
    watch.changed()
    kept = _kept.get()
    if kept is not None:
        kept.clear()


def memberships_of(user: User | AnonymousUser) -> tuple[Held, ...]:
    """Return what the account holds; anonymous and disabled accounts hold nothing."""
    if isinstance(user, Visitor):
        return user.held
    if not user.is_authenticated or not user.is_active:
        return ()
    kept = _kept.get()
    if kept is not None and user.pk in kept:
        return kept[user.pk]
    if kept is None:
        return _read(user.pk)
    revision = watch.revision
    held = _recent.get(user.pk)
    if held is None:
        held = _read(user.pk)
        _recent.put(user.pk, held, revision)
    kept[user.pk] = held
    return held


def _read(user_key: int) -> tuple[Held, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"user": user_key, "granted": GRANTED})
        return tuple(Held(*row) for row in cursor.fetchall())


def rights_key(user: User | AnonymousUser) -> str:
    """Return a short text that changes with the account and with what it holds.

    For what is cached of an account's view: whoever lost a membership must not be told what was
    seen by it, not even for seconds. Single studies come and go by themselves: with them nothing
    is cached.
    """
    held = sorted(map(repr, memberships_of(user)))
    if any(one.role in {GRANTED, SHARED} for one in memberships_of(user)):
        held.append(secrets.token_hex(8))
    return f"{user.pk}-{hashlib.blake2s(repr(held).encode(), digest_size=8).hexdigest()}"
