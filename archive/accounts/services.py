"""Accounts: made, changed, switched off. The site's user administrator does it, on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from archive.accounts.passwords import choosing_link, set_one_time_password
from archive.accounts.profiles import account_of
from archive.accounts.selectors import find_user, require_user_admin
from archive.accounts.sessions import end_all_sessions
from archive.accounts.tokens import revoke_all_tokens
from archive.audit.accounts import record_account_changed
from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import Account
from archive.models.memberships import forget_memberships

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.audit.types import Asker


@transaction.atomic
def create_user(
    *,
    asker: Asker,
    username: str,
    full_name: tuple[str, str] = ("", ""),
    email: str = "",
    is_service: bool = False,
    is_user_admin: bool = False,
) -> User:
    """Make an account without a password; `invite_user` or `reset_password` gives it one.

    Raises
    ------
    NotAllowedError
        The asker is not the site's user administrator.
    InvalidRequestError
        The name is taken or can't be one, or the mail address can't.
    """
    require_user_admin(asker.user)
    name = username.strip()
    users = get_user_model()
    _check_name(name)
    _check_email(email)
    if users.objects.filter(username__iexact=name).exists():
        raise InvalidRequestError(_("There is an account of that name already."))
    user = users(username=name, email=email, first_name=full_name[0], last_name=full_name[1])
    user.is_superuser = user.is_staff = is_user_admin and not is_service
    user.set_unusable_password()
    user.save()
    account = account_of(user)
    account.kind = Account.Kind.SERVICE if is_service else Account.Kind.PERSON
    account.save(update_fields=["kind"])
    details = {"kind": account.kind, "admin": user.is_superuser}
    record_account_changed(asker, act="create-account", username=name, details=details)
    return user


def _check_name(name: str) -> None:
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError as error:
        raise InvalidRequestError(" ".join(error.messages)) from error
    if not 1 <= len(name) <= 150:
        raise InvalidRequestError(_("A user name has 1 to 150 characters."))


def _check_email(email: str) -> None:
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise InvalidRequestError(" ".join(error.messages)) from error


@transaction.atomic
def change_user(
    *, asker: Asker, user_id: int, full_name: tuple[str, str], email: str, is_user_admin: bool
) -> User:
    """Change what an account is called, its mail address, and whether it manages accounts.

    Nobody takes the right to manage accounts from themselves.
    """
    require_user_admin(asker.user)
    user = find_user(user_id)
    _check_email(email)
    if user == asker.user and not is_user_admin:
        raise NotAllowedError(_("Another user administrator must take this right from you."))
    was_admin = user.is_superuser
    user.first_name, user.last_name, user.email = full_name[0], full_name[1], email
    user.is_superuser = user.is_staff = is_user_admin and not is_service_account(user)
    user.save(update_fields=["first_name", "last_name", "email", "is_superuser", "is_staff"])
    details = {}
    if was_admin != user.is_superuser:
        details = {"admin": user.is_superuser}
        # By hand: no group of a directory takes it back.
        Account.objects.filter(user=user).update(admin_origin="")
    record_account_changed(
        asker, act="change-account", username=user.get_username(), details=details
    )
    return user


def is_service_account(user: User) -> bool:
    """Whether the account is a program's."""
    return account_of(user).kind == Account.Kind.SERVICE


@transaction.atomic
def disable_user(*, asker: Asker, user_id: int) -> None:
    """Switch an account off: its sessions and tokens end at once."""
    require_user_admin(asker.user)
    user = find_user(user_id)
    if user == asker.user:
        raise NotAllowedError(_("Nobody switches off their own account."))
    user.is_active = False
    user.save(update_fields=["is_active"])
    details = {"sessions": end_all_sessions(user), "tokens": revoke_all_tokens(user)}
    forget_memberships()
    record_account_changed(
        asker, act="disable-account", username=user.get_username(), details=details
    )


@transaction.atomic
def enable_user(*, asker: Asker, user_id: int) -> None:
    """Switch an account on again; its tokens stay revoked."""
    require_user_admin(asker.user)
    user = find_user(user_id)
    user.is_active = True
    user.save(update_fields=["is_active"])
    record_account_changed(asker, act="enable-account", username=user.get_username())


@transaction.atomic
def reset_password(*, asker: Asker, user_id: int) -> str:
    """Give an account a one-time password, end its sessions; return the password, kept nowhere."""
    require_user_admin(asker.user)
    user = find_user(user_id)
    _require_person(user)
    password = set_one_time_password(user)
    details = {"sessions": end_all_sessions(user)}
    record_account_changed(
        asker, act="reset-password", username=user.get_username(), details=details
    )
    return password


def invite_user(*, asker: Asker, user_id: int, origin: str = "") -> str:
    """Return a link by which the account's person chooses a password, once and for some days."""
    require_user_admin(asker.user)
    user = find_user(user_id)
    _require_person(user)
    record_account_changed(asker, act="invite", username=user.get_username())
    return choosing_link(user, origin=origin)


@transaction.atomic
def remove_second_steps(*, asker: Asker, user_id: int) -> int:
    """Take away all second steps of an account whose person lost them; return how many."""
    from allauth.mfa.models import Authenticator  # noqa: PLC0415 models need set-up apps

    require_user_admin(asker.user)
    user = find_user(user_id)
    if user == asker.user:
        raise NotAllowedError(_("Remove your own second steps on your security page."))
    removed: int = Authenticator.objects.filter(user=user).delete()[0]
    details = {"removed": removed, "sessions": end_all_sessions(user)}
    record_account_changed(
        asker, act="remove-second-steps", username=user.get_username(), details=details
    )
    return removed


def _require_person(user: User) -> None:
    if is_service_account(user):
        raise InvalidRequestError(_("Programs have no password: give them a token or a client."))
