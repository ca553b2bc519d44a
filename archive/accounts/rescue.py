"""Getting back in from the machine itself: whoever has its shell needs no account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.db import transaction

from archive.access.selectors import find_account
from archive.accounts.passwords import set_one_time_password
from archive.accounts.sessions import end_all_sessions, end_sessions_of_all
from archive.audit.accounts import record_account_changed
from archive.errors import InvalidRequestError

if TYPE_CHECKING:
    from archive.audit.types import Asker


@transaction.atomic
def rescue_account(
    *, asker: Asker, username: str = "", without_second_steps: bool = False
) -> tuple[str, str]:
    """Give an account a one-time password, switch it on, end its sessions and its lock-out.

    Parameters
    ----------
    username
        the first user administrator where it is empty

    Returns
    -------
    the account's name and the password, which is kept nowhere

    Raises
    ------
    InvalidRequestError
        There is no such account.
    """
    if username:
        user = find_account(username)
    else:
        first = get_user_model().objects.filter(is_superuser=True).order_by("pk").first()
        if first is None:
            message = "There is no user administrator yet: `manage.py up` makes the first."
            raise InvalidRequestError(message)
        user = first
    user.is_active = True
    user.save(update_fields=["is_active"])
    password = set_one_time_password(user)
    if without_second_steps:
        Authenticator.objects.filter(user=user).delete()
    AccessAttempt.objects.filter(username=user.get_username()).delete()
    record_account_changed(
        asker,
        act="rescue-account",
        username=user.get_username(),
        details={
            "sessions": end_all_sessions(user),
            "second_steps_removed": without_second_steps,
        },
    )
    return user.get_username(), password


@transaction.atomic
def end_sessions_from_here(*, asker: Asker, username: str) -> int:
    """End the sessions of an account, or of everybody where none is named; return how many.

    Raises
    ------
    InvalidRequestError
        There is no such account.
    """
    if not username:
        return end_sessions_of_all(asker=asker)
    user = find_account(username)
    ended = end_all_sessions(user)
    name = user.get_username()
    record_account_changed(asker, act="end-sessions", username=name, details={"sessions": ended})
    return ended
