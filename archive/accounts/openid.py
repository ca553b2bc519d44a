"""What is asked of the OpenID provider beyond what allauth asks, and what its word must say.

References
----------
OpenID Connect Core 1.0: 3.1.2.1 (nonce, acr_values, prompt, max_age), 2 (auth_time), 3.1.3.7 and
5.3.2 (what is checked)
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.conf import settings
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from archive.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

# Where a session keeps which session at the provider it began in.
SID_KEY = "twinsight_provider_session"
# That the next sign-in there has to be a new one: a dangerous act waits for it.
FRESH_KEY = "twinsight_fresh_sign_in"
# How far their clock may be from ours.
_SKEW_S = 60


class AskedProvider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth is untyped
    """Asks with a nonce of its own each time, and for the strength that the site wants."""

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: str | None = None,
        data: Any = None,
        **kwargs: Any,
    ) -> HttpResponse:
        """Lead to the provider; what the address of this request asks for counts for nothing."""
        nonce = secrets.token_urlsafe(32)
        asked = {**self.get_auth_params(), "nonce": nonce}
        if settings.TWINSIGHT_OIDC_ACR:
            asked["acr_values"] = " ".join(settings.TWINSIGHT_OIDC_ACR)
        is_fresh = bool(settings.TWINSIGHT_OIDC_AUTH_TIME and request.session.get(FRESH_KEY))
        if is_fresh:
            asked |= {"prompt": "login", "max_age": str(settings.TWINSIGHT_STEP_UP_S)}
        more = {
            **kwargs,
            "auth_params": asked,
            "scope": self.get_scope(),
            "nonce": nonce,
            "is_fresh": is_fresh,
        }
        answer: HttpResponse = super().redirect(request, process, next_url, data, **more)
        return answer


def check_answer(state: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Refuse what does not belong to this sign-in, or does not say how the person was known.

    Parameters
    ----------
    state
        what was kept when the person was led to the provider
    claims
        what it answered: the identity token's claims and the user info

    Raises
    ------
    NotAllowedError
        Another sign-in's or person's token, or none; or one that is too weak, or too old for what
        waits for it.
    """
    token, info = claims.get("id_token"), claims.get("userinfo")
    nonce = state.get("nonce")
    if (
        not isinstance(token, dict)
        or not nonce
        or not constant_time_compare(str(token.get("nonce", "")), str(nonce))
        or (isinstance(info, dict) and info.get("sub") != token.get("sub"))
    ):
        raise NotAllowedError(
            _("The answer from there does not belong to this sign-in. Try again."),
            code="foreign-answer",
        )
    if not is_strong(token):
        raise NotAllowedError(
            _("You were not known surely enough there: this archive wants more than that."),
            code="weak-sign-in",
        )
    if state.get("is_fresh") and time.time() - known_at(token) > _longest_ago():
        raise NotAllowedError(
            _("This needs a new sign-in there, and the answer tells of none. Try again."),
            code="old-sign-in",
        )


def known_at(token: Mapping[str, Any]) -> float:
    """Return when the provider says that the person signed in there; 0 where it does not say."""
    said = token.get("auth_time")
    return float(said) if isinstance(said, int) and not isinstance(said, bool) else 0.0


def _longest_ago() -> int:
    return int(settings.TWINSIGHT_STEP_UP_S) + _SKEW_S


def is_strong(token: Mapping[str, Any]) -> bool:
    """Whether the provider says that it knew the person as the site wants.

    What it does not say counts as not so.
    """
    levels, methods = settings.TWINSIGHT_OIDC_ACR, settings.TWINSIGHT_OIDC_AMR
    said = token.get("amr")
    named = {str(one) for one in said} if isinstance(said, list) else set()
    has_level = not levels or token.get("acr") in levels
    return has_level and (not methods or bool(named & set(methods)))
