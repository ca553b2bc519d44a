"""What an account holds where, read once a request.

Every rule about rights starts with the asker's memberships, so a page would read the same few rows
a dozen times. They are kept while a door says so (`memberships_kept`), for one request and in its
own thread, and from one request to the next for as long as the database tells of every change
(`rights_watch`); workers and commands, which live long, read anew each time.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from archive.models.access import Membership
from archive.models.rights_watch import Kept, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import AnonymousUser, User


class Held(NamedTuple):
    """A role, and the project that it holds in; in every standard project where there is none."""

    role: str
    project_id: int | None
    project_kind: str | None


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
    rows = Membership.objects.filter(user_id=user_key).order_by("pk")
    return tuple(Held(*row) for row in rows.values_list("role", "project_id", "project__kind"))


def rights_key(user: User | AnonymousUser) -> str:
    """Return a short text that changes with the account and with what it holds.

    For what is cached of an account's view: whoever lost a membership must not be told what was
    seen by it, not even for seconds.
    """
    held = sorted(map(repr, memberships_of(user)))
    return f"{user.pk}-{hashlib.blake2s(repr(held).encode(), digest_size=8).hexdigest()}"
