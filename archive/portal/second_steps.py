"""Second steps of one's own account: an authenticator app, keys and passkeys, recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.base import views as step_views
from allauth.mfa.recovery_codes import views as code_views
from allauth.mfa.totp import views as app_views
from allauth.mfa.webauthn import views as key_views
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from archive.access.middleware import asker_of
from archive.accounts.stepup import is_recent
from archive.audit.accounts import record_account_changed

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def _record(request: HttpRequest, act: str) -> None:
    record_account_changed(asker_of(request), act=act, username=request.user.get_username())


class SecurityPage(step_views.IndexView):  # type: ignore[misc]  # allauth is untyped
    """What the account signs in with."""

    template_name = "account/security.html"
    extra_context = {"here": "security"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say whether what is dangerous will ask for a proof."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["is_recent"] = is_recent(self.request)
        context["has_password"] = self.request.user.has_usable_password()
        return context


class AppPage(app_views.ActivateTOTPView):  # type: ignore[misc]  # as above
    """Connects an authenticator app (RFC 6238)."""

    template_name = "account/app.html"
    extra_context = {"here": "security"}

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep it, on record."""
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, "add-authenticator-app")
        return answer


class AppRemovalPage(app_views.DeactivateTOTPView):  # type: ignore[misc]  # as above
    """Takes the authenticator app away."""

    template_name = "account/app_remove.html"
    extra_context = {"here": "security"}

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it, on record."""
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, "remove-authenticator-app")
        return answer


class CodesPage(code_views.ViewRecoveryCodesView):  # type: ignore[misc]  # as above
    """Shows the recovery codes that are left, to who has just signed in."""

    template_name = "account/codes.html"
    extra_context = {"here": "security"}


class NewCodesPage(code_views.GenerateRecoveryCodesView):  # type: ignore[misc]  # as above
    """Makes new recovery codes; the old ones are void."""

    template_name = "account/codes_new.html"
    extra_context = {"here": "security"}

    def form_valid(self, form: Any) -> HttpResponse:
        """Make them, on record."""
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, "make-recovery-codes")
        return answer


@require_safe
def key_list(_request: HttpRequest) -> HttpResponse:
    """Lead to the page on which keys are listed."""
    return redirect("mfa_index")


class KeyPage(key_views.AddWebAuthnView):  # type: ignore[misc]  # as above
    """Adds a security key or a passkey (WebAuthn)."""

    template_name = "account/key.html"
    extra_context = {"here": "security"}

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep it, on record."""
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, "add-key")
        return answer


class KeyRemovalPage(key_views.RemoveWebAuthnView):  # type: ignore[misc]  # as above
    """Takes a key away."""

    template_name = "account/key_remove.html"
    extra_context = {"here": "security"}

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it, on record."""
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, "remove-key")
        return answer
