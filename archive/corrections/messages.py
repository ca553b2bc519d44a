"""Messages of the hospital's other systems: kept sealed, settled, listed, tried again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.projects import find_project
from archive.access.selectors import is_site_radiology_admin, require_site_radiology_admin
from archive.access.services import grant_role
from archive.audit import corrections as audit
from archive.corrections.finding import account
from archive.errors import NotAllowedError, NotVisibleError, StateConflictError
from archive.forwarding.sealing import seal, unseal
from archive.models import Hl7Message, Role

if TYPE_CHECKING:
    from django.core.paginator import Page
    from django.utils.functional import _StrPromise

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

PAGE_SIZE = 50
MAX_ERROR = 500
MAX_ATTEMPTS = 30
# Of workers that may end over one message.
MAX_DEATHS = 3
MESSAGE_STATES: tuple[tuple[str, str | _StrPromise], ...] = tuple(Hl7Message.State.choices)
_State, _Direction = Hl7Message.State, Hl7Message.Direction


def message_account() -> User:
    """Return the account that acts for the hospital's other systems; made once, without a password.

    It is a radiology admin of the site, or of the one project that is configured, until somebody
    changes that.

    Raises
    ------
    NotAllowedError
        It was disabled.
    """
    name = settings.TWINSIGHT_HL7_USER
    user, is_new = User.objects.get_or_create(username=name)
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        slug = settings.TWINSIGHT_HL7_PROJECT
        project = find_project(slug) if slug else None
        grant_role(user=user, role=Role.RADIOLOGY_ADMIN, project=project)
    if not user.is_active:
        raise NotAllowedError(gettext("The account that acts for other systems is disabled."))
    return user


def keep_message(content: bytes, message: Any, address: str | None, *, error: str = "") -> int:
    """Keep a message as it came, sealed; with an error it is rejected at once.

    Parameters
    ----------
    content
        as it came
    message
        what its header says; None where it has none
    address
        of the sender
    error
        why it is not taken in

    Returns
    -------
    key of the row
    """
    row = Hl7Message.objects.create(
        direction=_Direction.IN,
        state=_State.REJECTED if error else _State.FAILED,
        kind=message.kind if message else "",
        control_id=message.control_id if message else "",
        partner=message.partner if message else "",
        address=address,
        sealed_content=seal(content.decode("latin-1")),
        digest=hashlib.sha256(content).hexdigest(),
        # Of one that is being applied: what is read if that never ends.
        error=error or "It was interrupted.",
        settled_at=timezone.now() if error else None,
        attempts=1,
    )
    return int(row.pk)


def known_message(partner: str, control_id: str, digest: str) -> bool:
    """Whether this very message was applied before."""
    rows = Hl7Message.objects.filter(partner=partner, control_id=control_id, digest=digest)
    return rows.filter(direction=_Direction.IN, state__in=[_State.DONE, _State.IGNORED]).exists()


def settle_message(key: int, *, is_changed: bool = False, error: str = "") -> None:
    """Say what became of a message."""
    done = _State.DONE if is_changed else _State.IGNORED
    Hl7Message.objects.filter(pk=key).update(
        state=_State.FAILED if error else done,
        error=error[:MAX_ERROR],
        settled_at=timezone.now(),
        not_before=None,
    )


def message_page(user: AnyUser, number: object, *, state: str = "") -> Page[Hl7Message]:
    """Return a page of messages, newest first; never what they say.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin of the whole site.
    """
    require_site_radiology_admin(user)
    rows = Hl7Message.objects.defer("sealed_content").select_related("retried_by")
    if state in _State.values:
        rows = rows.filter(state=state)
    page: Page[Hl7Message] = Paginator(rows, PAGE_SIZE).get_page(number)  # type: ignore[arg-type]
    return page


def may_see_messages(user: AnyUser) -> bool:
    """Whether the site takes in messages, and the user may see what became of them."""
    return bool(settings.TWINSIGHT_HL7_PORT) and is_site_radiology_admin(user)


def failed_messages(_user: AnyUser) -> int:
    """Return how many messages failed."""
    return Hl7Message.objects.filter(state=_State.FAILED).count()


@transaction.atomic
def retry_message(*, asker: Asker, message_id: int) -> Hl7Message:
    """Have a message that failed applied, or sent, again.

    Raises
    ------
    NotVisibleError
        There is none.
    StateConflictError
        It did not fail.
    """
    require_site_radiology_admin(asker.user)  # type: ignore[arg-type]
    row = Hl7Message.objects.select_for_update().filter(pk=message_id).first()
    if row is None:
        raise NotVisibleError("There is no such message.")
    if row.state != _State.FAILED:
        raise StateConflictError(gettext("The message did not fail."), code="message-not-failed")
    row.state, row.not_before, row.retried_by = _State.QUEUED, timezone.now(), account(asker)
    row.attempts = 1
    row.save(update_fields=["state", "not_before", "retried_by", "attempts"])
    audit.record_message_retried(asker, message=row.pk)
    return row


def claim_message(direction: str, *, lease: timedelta) -> tuple[int, bytes] | None:
    """Take the next message that is due; it is another's again when the lease is over.

    Parameters
    ----------
    direction
        ``in`` to be applied again, ``out`` to be sent
    lease
        longer than the work takes

    Returns
    -------
    key and content; None where nothing is due
    """
    due = Hl7Message.objects.filter(
        direction=direction, state=_State.QUEUED, not_before__lte=timezone.now()
    )
    # Whoever took one and never settled it is gone.
    due.filter(direction=_Direction.IN, attempts__gt=MAX_DEATHS).update(
        state=_State.FAILED, not_before=None, settled_at=timezone.now()
    )
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True)
        row = rows.order_by("not_before", "pk").first()
        if row is None:
            return None
        row.not_before = timezone.now() + lease
        row.attempts += 1
        row.save(update_fields=["not_before", "attempts"])
    # What came is kept byte by byte, what goes out is text.
    coding = "latin-1" if direction == _Direction.IN else "utf-8"
    return int(row.pk), unseal(row.sealed_content).encode(coding)


def keep_result(content: bytes, *, kind: str, partner: str, uid: str) -> bool:
    """Queue a message about an object for a receiver; False where that was done before."""
    if Hl7Message.objects.filter(
        direction=_Direction.OUT, partner=partner, subject_uid=uid
    ).exists():
        return False
    row = Hl7Message(
        direction=_Direction.OUT,
        state=_State.QUEUED,
        kind=kind,
        partner=partner,
        subject_uid=uid,
        sealed_content=seal(content.decode("utf-8")),
        digest=hashlib.sha256(content).hexdigest(),
        not_before=timezone.now(),
    )
    # Two workers may look at the same report: the database keeps one of theirs.
    return bool(Hl7Message.objects.bulk_create([row], ignore_conflicts=True))


def settle_sent(key: int, *, error: str = "", is_tried_again: bool = False) -> None:
    """Say what became of a message that was sent."""
    row = Hl7Message.objects.get(pk=key)
    row.error = error[:MAX_ERROR]
    if is_tried_again and row.attempts < MAX_ATTEMPTS:
        row.state = _State.QUEUED
        pause = min(timedelta(hours=1), timedelta(seconds=10 * 2 ** min(row.attempts, 10)))
        row.not_before = timezone.now() + pause
    else:
        row.state = _State.FAILED if error else _State.DONE
        row.not_before, row.settled_at = None, timezone.now()
    row.save(update_fields=["error", "state", "not_before", "settled_at"])


def purge_messages(*, asker: Asker, at_once: int) -> int:
    """Forget messages that were settled long ago, on record; return how many of them.

    What came, failed or was refused goes whole. Of what was sent the row stays without its
    content: it says that the receiver was told, and keeps the same report from being told again.
    """
    if settings.TWINSIGHT_HL7_KEEP_DAYS < 1:
        return 0
    end = timezone.now() - timedelta(days=settings.TWINSIGHT_HL7_KEEP_DAYS)
    settled = Q(settled_at__isnull=True) | Q(settled_at__lt=end)
    rows = Hl7Message.objects.filter(settled, ~Q(sealed_content=""), made_at__lt=end)
    with transaction.atomic():
        found = list(
            rows.exclude(state=_State.QUEUED)
            .select_for_update(skip_locked=True)
            .order_by("made_at")
            .values_list("pk", "direction", "state")[:at_once]
        )
        told = [pk for pk, *how in found if how == [_Direction.OUT, _State.DONE]]
        gone = [pk for pk, *how in found if how != [_Direction.OUT, _State.DONE]]
        Hl7Message.objects.filter(pk__in=told).update(sealed_content="")
        Hl7Message.objects.filter(pk__in=gone).delete()
        if found:
            audit.record_messages_purged(asker, removed=len(gone), emptied=len(told), before=end)
    return len(found)
