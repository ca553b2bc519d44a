"""Who else sees a study: people by name, and links for people outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.grants import grant_study, grants_of, revoke_grant
from archive.access.middleware import asker_of
from archive.access.share_links import links_of, make_link, revoke_link
from archive.accounts.sealing import seal, unseal
from archive.accounts.stepup import requires_recent_login
from archive.collections.selectors import collection_detail
from archive.errors import InvalidRequestError, StateConflictError
from archive.portal.sharing_forms import GrantForm, LinkForm
from archive.portal.statuses import speaks_html
from archive.query.study_overview import study_overview

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_SECRET = "made_link"  # noqa: S105 a key of the session


@requires_recent_login
@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def study_sharing(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Show who sees a study beside its projects; show it to somebody more."""
    context: dict[str, Any] = {
        "overview": study_overview(request.user, study_uid),
        "grants": grants_of(request.user, study_uid),
        "links": links_of(request.user, study_uid=study_uid),
    }
    return _answer(request, context, {"study_uid": study_uid})


@requires_recent_login
@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def collection_sharing(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the links to a collection of one's own; make one."""
    detail = collection_detail(request.user, pk)
    if not detail.summary.is_own:
        raise Http404
    context: dict[str, Any] = {
        "collection": detail.summary,
        "links": links_of(request.user, collection_id=pk),
    }
    return _answer(request, context, {"collection_id": pk})


def _answer(request: HttpRequest, context: dict[str, Any], target: dict[str, Any]) -> HttpResponse:
    is_grant = request.POST.get("kind") == "grant" and "study_uid" in target
    grant_form = GrantForm(request.POST if request.method == "POST" and is_grant else None)
    link_form = LinkForm(request.POST if request.method == "POST" and not is_grant else None)
    if request.method == "POST":
        form = grant_form if is_grant else link_form
        if form.is_valid():
            try:
                _share(request, target, form.cleaned_data, is_grant=is_grant)
                return redirect(request.path)
            except (InvalidRequestError, StateConflictError) as error:
                form.add_error(None, error.message)
    context |= {
        "grant_form": grant_form,
        "link_form": link_form,
        "made_link": _made_link(request),
        "has_links": settings.TWINSIGHT_SHARE_LINK_DAYS > 0,
    }
    status = 422 if grant_form.errors or link_form.errors else 200
    return render(request, "sharing/sharing.html", context, status=status)


def _share(
    request: HttpRequest, target: dict[str, Any], said: dict[str, Any], *, is_grant: bool
) -> None:
    if is_grant:
        grant_study(asker=asker_of(request), **target, **said)
        messages.success(request, _("Shared with %(name)s.") % {"name": said["username"]})
        return
    _link, secret = make_link(asker=asker_of(request), **target, **said)
    path = reverse("portal:link-enter", args=(secret,))
    address = settings.TWINSIGHT_PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
    # Sealed until the next page shows it, once: whoever reads the sessions' table reads no link.
    request.session[_SECRET] = seal(f"{address}{path}")


def _made_link(request: HttpRequest) -> str:
    """Return the link that was just made, and keep it nowhere."""
    sealed = request.session.pop(_SECRET, "")
    return unseal(sealed) if sealed else ""


@require_safe
@speaks_html
def share_list(request: HttpRequest) -> HttpResponse:
    """List the links that the asker made or may end."""
    return render(request, "sharing/share_list.html", {"links": links_of(request.user)})


@require_POST
@speaks_html
def grant_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a study back from somebody."""
    revoke_grant(asker=asker_of(request), grant_id=pk)
    messages.success(request, _("Taken back."))
    return redirect(_back(request))


@require_POST
@speaks_html
def link_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a link."""
    revoke_link(asker=asker_of(request), link_id=pk)
    messages.success(request, _("The link leads nowhere any more."))
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    """Lead back to the page of the study or collection, or to the list."""
    study, collection = request.POST.get("study", ""), request.POST.get("collection", "")
    if study and all(part.isdigit() for part in study.split(".")) and len(study) <= 64:
        return reverse("portal:study-sharing", args=(study,))
    if collection.isdigit() and len(collection) < 19:
        return reverse("portal:collection-sharing", args=(int(collection),))
    return reverse("portal:share-list")
