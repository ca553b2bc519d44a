"""One's own account: what it is called and shows, where it is signed in, its tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from archive.access.middleware import asker_of
from archive.access.projects import storing_projects
from archive.accounts import profiles, sessions, tokens
from archive.accounts.selectors import memberships_held
from archive.accounts.stepup import ask_again, is_recent, requires_recent_login
from archive.errors import ArchiveError, InvalidRequestError, NotAllowedError
from archive.portal.account_forms import ProfileForm, TokenForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def profile(request: HttpRequest) -> HttpResponse:
    """Show and keep what the account is called, its theme and its language."""
    account = profiles.account_of(request.user)  # type: ignore[arg-type]  # signed in by now
    named = ("first_name", "last_name", "email")
    known = {name: getattr(request.user, name) for name in named}
    form = ProfileForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        # Whoever has the mail address can have the password set anew.
        if form.cleaned_data["email"] != known["email"] and not is_recent(request):
            return ask_again(request)
        account = profiles.save_profile(
            user=request.user,  # type: ignore[arg-type]  # as above
            values=form.cleaned_data,
        )
        messages.success(request, _("Your account is kept."))
        response: HttpResponse = redirect("portal:account")
        profiles.remember_choices(response, account)
        return response
    context = {
        "here": "profile",
        "form": form,
        "account": account,
        "languages": settings.LANGUAGES,
        "themes": type(account).Theme.choices,
        "held": memberships_held(request.user),  # type: ignore[arg-type]  # as above
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "account/profile.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def session_list(request: HttpRequest) -> HttpResponse:
    """Show where the account is signed in, and end that."""
    current = request.session.session_key
    if request.method == "POST":
        asker = asker_of(request)
        key = request.POST.get("session", "")
        if key.isdecimal():
            sessions.end_session(asker=asker, key=int(key))
            messages.success(request, _("That session is over."))
        else:
            sessions.end_other_sessions(asker=asker, current_key=current)
            messages.success(request, _("All other sessions are over."))
        return redirect("portal:account-sessions")
    found = sessions.list_sessions(request.user, current_key=current)
    context = {"here": "sessions", "sessions": found, "limits": _limits()}
    return render(request, "account/sessions.html", context)


def _limits() -> dict[str, int]:
    return {
        "idle_minutes": settings.TWINSIGHT_SESSION_IDLE_S // 60,
        "hours": settings.TWINSIGHT_SESSION_S // 3600,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def token_list(request: HttpRequest) -> HttpResponse:
    """Show the account's tokens, and make one; its secret is shown this once."""
    form = TokenForm(request.POST or None, scopes=tokens.scopes_of(request.user))
    made: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            token, secret = tokens.make_token(asker=asker_of(request), **form.values())
            made = {"token": token, "secret": secret}
            form = TokenForm(scopes=tokens.scopes_of(request.user))
        except (InvalidRequestError, NotAllowedError) as error:
            form.add_error(None, error.message)
    return _tokens_page(request, form, made)


def _tokens_page(request: HttpRequest, form: TokenForm, made: dict[str, Any]) -> HttpResponse:
    context = {
        "here": "tokens",
        "form": form,
        "made": made,
        "tokens": tokens.list_tokens(request.user),
        "projects": storing_projects(request.user),  # type: ignore[arg-type]  # signed in by now
        "most_days": settings.TWINSIGHT_TOKEN_MAX_DAYS,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "account/tokens.html", context, status=status)


@require_POST
@requires_recent_login
@speaks_html
def token_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a token a new secret; the old one goes on for an hour."""
    token, secret = tokens.rotate_token(asker=asker_of(request), token_id=pk)
    form = TokenForm(scopes=tokens.scopes_of(request.user))
    return _tokens_page(request, form, {"token": token, "secret": secret, "is_rotated": True})


@require_POST
@speaks_html
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token at once."""
    try:
        tokens.revoke_token(asker=asker_of(request), token_id=pk)
        messages.success(request, _("The token is revoked."))
    except ArchiveError as error:
        messages.error(request, error.message)
    return redirect("portal:account-tokens")
