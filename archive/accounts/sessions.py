"""Where an account is signed in, and how that ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from archive.accounts.selectors import find_user, require_user_admin
from archive.audit.accounts import record_account_changed, record_session_ended
from archive.errors import NotVisibleError

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser, User
    from django.http import HttpRequest

    from archive.audit.types import Asker

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class OpenSession:
    """A place where an account is signed in."""

    key: int
    device: str
    address: str
    began_at: datetime
    seen_at: datetime
    is_current: bool


def list_sessions(user: User | AnonymousUser, *, current_key: str | None) -> list[OpenSession]:
    """Return where the account is signed in now, this place first."""
    rows = UserSession.objects.filter(user_id=user.pk).order_by("-last_seen_at")
    live = set(
        Session.objects.filter(
            session_key__in=[row.session_key for row in rows], expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    found = [
        OpenSession(
            key=row.pk,
            device=_device(row.user_agent),
            address=row.ip or "",
            began_at=row.created_at,
            seen_at=row.last_seen_at,
            is_current=row.session_key == current_key,
        )
        for row in rows
        if row.session_key in live
    ]
    return sorted(found, key=lambda one: not one.is_current)


def end_session(*, asker: Asker, key: int) -> None:
    """End one of the asker's sessions, on record.

    Raises
    ------
    NotVisibleError
        It isn't one of the asker's.
    """
    owner = asker.user.pk if asker.user is not None else None
    row = UserSession.objects.filter(pk=key, user_id=owner).first()
    if row is None:
        raise NotVisibleError(_("There is no such session."))
    end_rows([row])
    record_session_ended(asker, reason="revoked")


def end_other_sessions(*, asker: Asker, current_key: str | None) -> int:
    """End all of the asker's sessions but this one; return how many there were."""
    owner = asker.user.pk if asker.user is not None else None
    rows = list(UserSession.objects.filter(user_id=owner).exclude(session_key=current_key))
    end_rows(rows)
    if rows:
        record_session_ended(asker, reason="revoked", sessions=len(rows))
    return len(rows)


def end_all_sessions(user: User) -> int:
    """End every session of an account; return how many there were."""
    rows = list(UserSession.objects.filter(user=user))
    end_rows(rows)
    return len(rows)


@transaction.atomic
def end_sessions_of(*, asker: Asker, user_id: int) -> int:
    """End every session of somebody's account, on record; return how many there were.

    Raises
    ------
    NotAllowedError
        The asker is not the site's user administrator.
    """
    require_user_admin(asker.user)
    user = find_user(user_id)
    ended = end_all_sessions(user)
    record_account_changed(
        asker, act="end-sessions", username=user.get_username(), details={"sessions": ended}
    )
    return ended


def end_everybodys_sessions(*, asker: Asker) -> int:
    """End every session of every account at once, the asker's own too; return how many.

    Raises
    ------
    NotAllowedError
        The asker is not the site's user administrator.
    """
    require_user_admin(asker.user)
    return end_sessions_of_all(asker=asker)


@transaction.atomic
def end_sessions_of_all(*, asker: Asker) -> int:
    """End every session, on record, visitors' by links among them; for the machine itself."""
    ended = open_sessions()
    Session.objects.all().delete()
    UserSession.objects.all().delete()
    record_session_ended(asker, reason="everybody", sessions=ended)
    return ended


def open_sessions() -> int:
    """Return in how many places somebody is signed in."""
    live = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    found: int = UserSession.objects.filter(session_key__in=live).count()
    return found


def rename_session(request: HttpRequest) -> None:
    """Give the session another secret name, with all that is in it: the old one opens nothing."""
    old = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)


def end_rows(rows: list[UserSession]) -> None:
    """End these sessions; who asks puts it on record."""
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    UserSession.objects.filter(pk__in=[row.pk for row in rows]).delete()


def _device(agent: str) -> str:
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return f"{browser}, {system}"
    return browser or system or agent[:60] or "?"
