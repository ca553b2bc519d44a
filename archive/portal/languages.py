"""Which language pages speak, and what scripts say in it."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, override, to_locale
from django.views.decorators.http import require_POST
from django.views.i18n import JavaScriptCatalog

from archive.accounts import profiles
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

_YEAR_S = 365 * 86400


@require_POST
@speaks_html
def language_choose(request: HttpRequest) -> HttpResponse:
    """Keep the language that somebody chose in the bar, and go back to where they were."""
    account = profiles.choose_language(request.user, request.POST.get("language", ""))  # type: ignore[arg-type]  # signed in by now
    # Not by a field of the form: pages that say "not there" are the same for every address.
    back = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()})
    path = urlsplit(back)._replace(scheme="", netloc="").geturl() if is_ours else ""
    # A path that begins like an address leads there once its host is gone.
    if not url_has_allowed_host_and_scheme(path, None):
        path = reverse("portal:study-list")
    response: HttpResponse = redirect(path)
    profiles.remember_choices(response, account)
    return response


@method_decorator(login_not_required, name="dispatch")
class ScriptWords(JavaScriptCatalog):
    """What scripts say, in one language; kept by browsers, as its address names its version."""

    domain = "djangojs"
    # A name for the archive's own; where they lie is in the settings.
    packages = ["archive"]

    def get_paths(self, packages: Sequence[str]) -> list[str]:
        """Return the folders of the archive's own catalogues."""
        return [str(path) for path in settings.LOCALE_PATHS]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer with the catalogue; what is not the newest one any more is not kept."""
        language = kwargs.pop("language")
        if language not in dict(settings.LANGUAGES):
            raise Http404("There is no such language.")
        with override(language):
            response: HttpResponse = super().get(request, *args)
        if kwargs["version"] == words_version(language):
            response["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        else:
            response["Cache-Control"] = "no-cache"
        return response


def words_address() -> str:
    """Return where scripts find their words in the page's language."""
    language = get_language() or settings.LANGUAGE_CODE
    if language not in dict(settings.LANGUAGES):
        language = settings.LANGUAGE_CODE
    return reverse("portal:words", args=(language, words_version(language)))


@cache
def words_version(language: str) -> str:
    """Return a digest of a language's catalogue, as it was when this process read it."""
    digest = sha256(language.encode())
    for folder in settings.LOCALE_PATHS:
        path = Path(folder) / to_locale(language) / "LC_MESSAGES" / "djangojs.mo"
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
