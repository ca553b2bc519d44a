"""Peers: who may exchange images with the archive, and whether they answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.errors import ArchiveError, InvalidRequestError, NotAllowedError, NotVisibleError
from archive.forwarding import peers
from archive.forwarding.rules import projects_to_name
from archive.portal.peer_forms import PROTOCOLS, SYNTAXES, PeerForm, initial_of
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from archive.models import Peer

_NEW = {"protocol": "dimse", "may_store": True, "is_enabled": True}


@require_safe
@speaks_html
def peer_list(request: HttpRequest) -> HttpResponse:
    """Show every peer."""
    return render(request, "forwarding/peer_list.html", {"peers": peers.list_peers(request.user)})


@require_http_methods(["GET", "HEAD", "POST"])
@speaks_html
def peer_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Show one peer, new or known, and keep what is said."""
    projects = projects_to_name(request.user)
    peer = peers.get_peer(request.user, pk) if pk is not None else None
    if request.method == "POST":
        form = PeerForm(request.POST)
        kept = _keep(request, form, peer)
        if kept is not None:
            messages.success(request, gettext("%(name)s is kept.") % {"name": kept.ae_title})
            return redirect("portal:peer-edit", pk=kept.pk)
    else:
        form = PeerForm(initial=initial_of(peer) if peer else _NEW)
    context = {
        "form": form,
        "peer": peer,
        "projects": projects,
        "protocols": PROTOCOLS,
        "syntaxes": SYNTAXES,
    }
    response = render(request, "forwarding/peer_edit.html", context)
    if form.errors:
        response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return response


def _keep(request: HttpRequest, form: PeerForm, peer: Peer | None) -> Peer | None:
    if not form.is_valid():
        return None
    asker = asker_of(request)
    try:
        if peer is None:
            return peers.create_peer(asker=asker, values=form.values())
        return peers.change_peer(asker=asker, peer_id=peer.pk, values=form.values())
    except (NotAllowedError, NotVisibleError):
        raise
    except ArchiveError as error:
        field = getattr(error, "field", None)
        form.add_error(field if field in form.fields else None, error.message)
        return None


@require_POST
@speaks_html
def peer_echo(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a peer whether it answers; the row says what it said."""
    peer = peers.echo_peer(asker=asker_of(request), peer_id=pk)
    return render(request, "forwarding/_peer_echo.html", {"peer": peer})


@require_POST
@speaks_html
def peer_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a peer out of the register."""
    try:
        peers.delete_peer(asker=asker_of(request), peer_id=pk)
    except InvalidRequestError as error:
        messages.error(request, error.message)
        return redirect("portal:peer-edit", pk=pk)
    messages.success(request, gettext("The peer is deleted."))
    return redirect("portal:peer-list")
