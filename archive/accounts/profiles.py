"""What an account prefers, and what its session must know of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from archive.accounts.stepup import BEGAN_KEY, SEEN_KEY
from archive.errors import InvalidRequestError
from archive.models import Account

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

MUST_CHANGE_KEY = "twinsight_must_change_password"
THEME_COOKIE = "twinsight_theme"
_YEAR_S = 365 * 86400


def account_of(user: User) -> Account:
    """Return what is known of the user, made where missing."""
    account, _made = Account.objects.get_or_create(user=user)
    return account


def begin_session(request: HttpRequest, user: User, response: HttpResponseBase) -> None:
    """Note when the session began, and carry the account's theme and language to the browser."""
    account = account_of(user)
    now = time.time()
    request.session[BEGAN_KEY] = request.session[SEEN_KEY] = now
    if account.must_change_password:
        request.session[MUST_CHANGE_KEY] = True
    remember_choices(response, account)


def remember_choices(response: HttpResponseBase, account: Account) -> None:
    """Set the cookies by which pages know theme and language without a query."""
    for name, value in (
        (THEME_COOKIE, account.theme),
        (settings.LANGUAGE_COOKIE_NAME, account.language),
    ):
        if value:
            response.set_cookie(
                name, value, max_age=_YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
            )
        elif name == settings.LANGUAGE_COOKIE_NAME:
            response.delete_cookie(name, samesite="Lax")


def save_profile(*, user: User, values: dict[str, str]) -> Account:
    """Keep names, address, theme and language of one's own account.

    Raises
    ------
    InvalidRequestError
        The theme or language is unknown.
    """
    account = account_of(user)
    theme, language = values.get("theme", ""), values.get("language", "")
    if theme not in Account.Theme.values:
        raise InvalidRequestError(_("There is no such theme."))
    if language and language not in dict(settings.LANGUAGES):
        raise InvalidRequestError(_("There is no such language."))
    user.first_name = values.get("first_name", "")[:150]
    user.last_name = values.get("last_name", "")[:150]
    user.email = values.get("email", "")[:254]
    user.save(update_fields=["first_name", "last_name", "email"])
    account.theme, account.language = theme, language
    account.save(update_fields=["theme", "language"])
    return account


def choose_language(user: User, language: str) -> Account:
    """Keep the language in which one's own pages speak; empty: as the browser says.

    Raises
    ------
    InvalidRequestError
        The language is unknown.
    """
    if language and language not in dict(settings.LANGUAGES):
        raise InvalidRequestError(_("There is no such language."))
    account = account_of(user)
    account.language = language
    account.save(update_fields=["language"])
    return account


def public_address(address: str) -> str:
    """Return an address of this site under the name that the site was given in its settings."""
    if not settings.TWINSIGHT_PUBLIC_URL:
        return address
    parts = urlsplit(address)
    query = f"?{parts.query}" if parts.query else ""
    return f"{settings.TWINSIGHT_PUBLIC_URL}{parts.path}{query}"
