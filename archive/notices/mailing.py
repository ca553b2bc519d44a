"""News by mail: for each person one message with all that is new, and no patient in it."""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from archive.models import Account, Notice
from archive.notices.selectors import notices_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)
MAX_ATTEMPTS = 5
_PEOPLE_AT_ONCE = 5
_MOST_LINES = 30
_PAUSE = timedelta(minutes=5)


def send_due_mail() -> int:
    """Send the digests that are due; what fails is tried again with a growing pause.

    The rows of a digest are put off before it is sent, so that two workers don't send it both; a
    worker that dies meanwhile leaves them for the next try.

    Returns
    -------
    to how many people mail went
    """
    if not settings.TWINSIGHT_EMAIL_URL:
        return 0
    due = Notice.objects.filter(mail_due_at__lte=timezone.now(), mailed_at__isnull=True)
    people = due.order_by("user_id").values_list("user_id", flat=True).distinct()
    return sum(_send_digest(key) for key in people[:_PEOPLE_AT_ONCE])


def _claim(user_id: int) -> list[int]:
    """Take all that waits for a person, and count the try."""
    with transaction.atomic():
        rows = Notice.objects.select_for_update(skip_locked=True).filter(
            user=user_id, mail_due_at__isnull=False, mailed_at__isnull=True
        )
        waiting = list(rows.values_list("pk", "mail_due_at", "mail_attempts"))
        now = timezone.now()
        if not any(due is not None and due <= now for _pk, due, _attempts in waiting):
            return []
        attempts = 1 + max(row[2] for row in waiting)
        keys = [row[0] for row in waiting]
        is_last = attempts >= MAX_ATTEMPTS
        Notice.objects.filter(pk__in=keys).update(
            mail_attempts=F("mail_attempts") + 1,
            mail_due_at=None if is_last else now + _PAUSE * 2**attempts,
        )
    return keys


def _send_digest(user_id: int) -> bool:
    keys = _claim(user_id)
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    if not keys or user is None:
        return False
    # As of now: what they may see no more, or have read meanwhile, is not mailed.
    rows = list(notices_of(user).filter(pk__in=keys).order_by("pk"))
    if rows and user.email:
        try:
            _send(user, rows)
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("news could not be mailed: %s", type(error).__name__)
            return False
    Notice.objects.filter(pk__in=keys).update(mailed_at=timezone.now(), mail_due_at=None)
    return bool(rows and user.email)


def _send(user: User, rows: list[Notice]) -> None:
    language = Account.objects.filter(user=user).values_list("language", flat=True).first()
    with translation.override(language or settings.LANGUAGE_CODE):
        subject = ngettext(
            "Twinsight: one thing is new", "Twinsight: %(count)d things are new", len(rows)
        ) % {"count": len(rows)}
        lines = [_line(row) for row in rows[-_MOST_LINES:]]
        if len(rows) > _MOST_LINES:
            lines.append(_("… and more in the portal."))
        page = settings.TWINSIGHT_PUBLIC_URL + reverse("portal:notice-settings")
        foot = _("What you are told of, and whether by mail: %(page)s") % {"page": page}
    send_mail(subject, "\n\n".join([*lines, foot]) + "\n", None, [user.email])


def _line(row: Notice) -> str:
    where = f"\n{settings.TWINSIGHT_PUBLIC_URL}{row.path}" if row.path else ""
    return f"{row.title}{where}"
