"""Signing in, proving it again, and getting back in: allauth's views with the portal's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account import views as account_views
from allauth.account.forms import LoginForm
from allauth.mfa.base import views as step_views
from allauth.mfa.webauthn import views as key_views
from allauth.socialaccount import views as outside_views
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.access.selectors import known_username
from archive.accounts.openid import FRESH_KEY
from archive.accounts.outside import providers
from archive.accounts.passwords import can_mail, own_password_kept
from archive.accounts.selectors import has_key
from archive.accounts.sessions import rename_session
from archive.audit.accounts import (
    record_account_changed,
    record_logout,
    record_proof,
    record_second_step_failed,
)
from archive.audit.services import record_login

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


class NameForm(LoginForm):  # type: ignore[misc]  # allauth is untyped
    """Takes the name under `username`, as the page has always sent it."""

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if data is not None and "username" in data and "login" not in data:
            data = data.copy()
            data["login"] = data["username"]
        super().__init__(data, *args, **kwargs)


@method_decorator(login_not_required, name="dispatch")
class LoginPage(account_views.LoginView):  # type: ignore[misc]  # as above
    """Name and password in, a session out; a second step between where there is one."""

    form_class = NameForm
    template_name = "portal/login.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        """Refuse; what lacks a name or password was asked of nobody, and goes on record here."""
        if "login" in form.errors or "password" in form.errors:
            name = known_username(str(form.data.get("username", "")))
            record_login(asker_of(self.request, name=name), is_success=False)
        answer: HttpResponse = super().form_invalid(form)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to go on to, and what other ways in there are."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["next"] = self.request.POST.get("next") or self.request.GET.get("next", "")
        context["over"] = self.request.GET.get("over", "")
        context["username"] = self.request.POST.get("username", "")[:150]
        context["providers"] = providers()
        context["may_forget"] = can_mail()
        return context


class LogoutPage(auth_views.LogoutView):
    """Ends the session, on record; POST only."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Sign out."""
        if request.user.is_authenticated:
            record_logout(asker_of(request))
        response = super().post(request, *args, **kwargs)
        # Nothing of what was looked at stays in the browser.
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


class SecondStepPage(step_views.AuthenticateView):  # type: ignore[misc]  # as above
    """A code or a key after the password."""

    template_name = "account/second_step.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Offer a key to those alone who have one."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["has_key"] = has_key(self.stage.login.user)
        return context

    def form_invalid(self, form: Any) -> HttpResponse:
        """Refuse, on record."""
        name = self.stage.login.user.get_username()
        record_second_step_failed(asker_of(self.request, name=name))
        answer: HttpResponse = super().form_invalid(form)
        return answer


class _Proof:
    """What all three ways to prove it again have in common."""

    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send those who have nothing to prove it by through their own sign-in."""
        if not own_password_kept(request.user):
            target = request.GET.get("next") or request.POST.get("next") or "/"
            logout(request)
            request.session[FRESH_KEY] = True
            messages.info(request, _("Sign in again to go on."))
            return redirect(f"{reverse('portal:login')}?{urlencode({'next': target})}")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on, on record."""
        record_proof(asker_of(self.request), is_success=True)
        rename_session(self.request)
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        return answer

    def form_invalid(self, form: Any) -> HttpResponse:
        """Refuse, on record."""
        record_proof(asker_of(self.request), is_success=False)
        answer: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        return answer


class PasswordAgainPage(_Proof, account_views.ReauthenticateView):  # type: ignore[misc]
    """The password again."""

    template_name = "account/again.html"


class CodeAgainPage(_Proof, step_views.ReauthenticateView):  # type: ignore[misc]
    """A code of the second step again."""

    template_name = "account/again.html"


class KeyAgainPage(_Proof, key_views.ReauthenticateWebAuthnView):  # type: ignore[misc]
    """A key or passkey again."""

    template_name = "account/again_key.html"


class PasswordPage(account_views.PasswordChangeView):  # type: ignore[misc]
    """A new password of one's own; other sessions end by it."""

    template_name = "account/password.html"
    extra_context = {"here": "security"}
    success_url = reverse_lazy("portal:account")

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep it, on record, and let a new account go on."""
        from archive.accounts.passwords import password_was_chosen  # noqa: PLC0415

        answer: HttpResponse = super().form_valid(form)
        password_was_chosen(self.request)
        record_account_changed(
            asker_of(self.request),
            act="change-password",
            username=self.request.user.get_username(),
        )
        return answer


class ForgottenPage(account_views.PasswordResetView):  # type: ignore[misc]
    """Asks for a mail with a link."""

    template_name = "account/forgotten.html"


class ForgottenSentPage(account_views.PasswordResetDoneView):  # type: ignore[misc]
    """Says that the mail is on its way, whether or not there is such an account."""

    template_name = "account/forgotten_sent.html"


class ChoosePage(account_views.PasswordResetFromKeyView):  # type: ignore[misc]
    """A first or new password, by a link."""

    template_name = "account/choose.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep it, on record."""
        from archive.accounts.passwords import forget_must_change  # noqa: PLC0415

        answer: HttpResponse = super().form_valid(form)
        forget_must_change(self.reset_user)
        name = self.reset_user.get_username()
        record_account_changed(asker_of(self.request, name=name), act="set-password", username=name)
        return answer


class ChosenPage(account_views.PasswordResetFromKeyDoneView):  # type: ignore[misc]
    """Leads on to the sign-in."""

    template_name = "account/chosen.html"


@login_not_required
@require_safe
def inactive(request: HttpRequest) -> HttpResponse:
    """Say that the account is switched off."""
    return render(request, "account/inactive.html", status=403)


@require_safe
def password_elsewhere(request: HttpRequest) -> HttpResponse:
    """Say where the password of an outside account is changed."""
    return render(request, "account/password_elsewhere.html")


@login_not_required
@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    """Lead back: the sign-in elsewhere was given up."""
    messages.info(request, _("The sign-in was cancelled."))
    return HttpResponseRedirect(reverse("portal:login"))


@method_decorator(login_not_required, name="dispatch")
class OutsideErrorPage(outside_views.LoginErrorView):  # type: ignore[misc]
    """The sign-in elsewhere failed."""

    template_name = "account/outside_error.html"


@login_not_required
def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead from other sign-in pages to the one that there is."""
    target = request.GET.get("next", "")
    query = f"?{urlencode({'next': target})}" if target else ""
    return redirect(f"{reverse('portal:login')}{query}")
