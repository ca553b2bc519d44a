"""Programs that sign in by OAuth 2, for the user administrator."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from archive.access.middleware import asker_of
from archive.accounts import clients, memberships
from archive.accounts.stepup import requires_recent_login
from archive.errors import ArchiveError, InvalidRequestError
from archive.portal.account_forms import ClientForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def client_list(request: HttpRequest) -> HttpResponse:
    """Show all clients, and register one; a secret is shown this once."""
    form = ClientForm(request.POST or None)
    made: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            client, secret = clients.register_client(
                asker=asker_of(request),
                name=data["name"],
                scopes=data["scopes"].split(),
                jwks=data["jwks"],
                jwks_url=data["jwks_url"],
                project_slug=data["project"],
            )
            made = {"client": client, "secret": secret}
            form = ClientForm()
        except (InvalidRequestError, ArchiveError) as error:
            form.add_error(None, error.message)
    return _page(request, form, made)


def _page(request: HttpRequest, form: ClientForm, made: dict[str, Any]) -> HttpResponse:
    context = {
        "clients": clients.list_clients(request.user),
        "form": form,
        "made": made,
        "projects": memberships.projects_to_staff(request.user),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "account/client_list.html", context, status=status)


@require_POST
@requires_recent_login
@speaks_html
def client_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Switch a client on or off, or give it a new secret."""
    asker = asker_of(request)
    try:
        if act == "renew":
            secret = clients.renew_secret(asker=asker, client_id=pk)
            client = clients.list_clients(request.user).get(pk=pk)
            return _page(request, ClientForm(), {"client": client, "secret": secret})
        if act in {"enable", "disable"}:
            clients.switch_client(asker=asker, client_id=pk, is_enabled=act == "enable")
            messages.success(request, _("The client is kept."))
    except InvalidRequestError as error:
        messages.error(request, error.message)
    return redirect("portal:client-list")
