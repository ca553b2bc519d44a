"""Passwords that somebody else made, links to choose one, and what ends with a new one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from archive.accounts.profiles import MUST_CHANGE_KEY, account_of, public_address
from archive.models import Account

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from django.http import HttpRequest

_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class ContextWordsValidator:
    """Refuse passwords that are little more than words which everybody here thinks of."""

    rest = 8

    def __init__(self, words: list[str]) -> None:
        self.words = sorted({word.lower() for word in words if word}, key=len, reverse=True)

    def validate(self, password: str, user: User | None = None) -> None:
        """Take the words out, and see whether a password is left."""
        left = password.lower()
        for word in self.words:
            left = left.replace(word, "")
        if left != password.lower() and len(left) < self.rest:
            raise ValidationError(
                _("This password is little more than a word that fits this place."),
                code="password_of_this_place",
            )

    def get_help_text(self) -> str:
        """Say what is wanted."""
        return _("It should not be made of the names of this program, house or profession.")


def new_password() -> str:
    """Return a password to be told once; without letters that look alike."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def set_one_time_password(user: User) -> str:
    """Give the account a password that must be changed at the next sign-in; return it."""
    password = new_password()
    user.set_password(password)
    user.save(update_fields=["password"])
    account = account_of(user)
    account.must_change_password = True
    account.save(update_fields=["must_change_password"])
    return password


def choosing_link(user: User, *, origin: str = "") -> str:
    """Return a link by which its holder chooses the account's password, once.

    Parameters
    ----------
    origin
        where the site is, where its settings don't say
    """
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    uid, _, token = key.partition("-")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
    return public_address(f"{origin}{path}")


def password_was_chosen(request: HttpRequest) -> None:
    """Let the account go on: its password is its own now."""
    request.session.pop(MUST_CHANGE_KEY, None)
    forget_must_change(request.user)


def forget_must_change(user: User | AnonymousUser) -> None:
    """Note that the account's password is its own."""
    Account.objects.filter(user_id=user.pk or 0).update(must_change_password=False)


def can_mail() -> bool:
    """Whether the site can send mail, and so links to who forgot a password."""
    return bool(settings.TWINSIGHT_EMAIL_URL)


def own_password_kept(user: User | AnonymousUser) -> bool:
    """Whether the account has anything here to prove itself by: a password or a second step."""
    from allauth.mfa.utils import is_mfa_enabled  # noqa: PLC0415 models need set-up apps

    if not user.is_authenticated:
        return False
    return user.has_usable_password() or is_mfa_enabled(user)
