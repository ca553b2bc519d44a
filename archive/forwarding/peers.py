"""The register of peers as radiology admins of the whole archive keep it."""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.db.models.deletion import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import require_site_radiology_admin
from archive.audit import forwarding as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError, PeerError
from archive.forwarding.addresses import address_of
from archive.forwarding.clients import client_of
from archive.forwarding.peer_http import checked_url
from archive.forwarding.sealing import seal
from archive.models import Forward, Peer, Project

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

# PS3.5 6.2: printable characters of ISO 646 but the backslash.
_AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
_COLUMNS = (
    "ae_title", "host", "port", "description", "may_store", "may_query", "may_retrieve",
    "is_move_destination", "uses_tls", "certificate_authority", "base_url", "is_enabled",
)  # fmt: skip


@dataclass(frozen=True)
class PeerValues:
    """What an admin says of a peer; ``authorization`` None keeps what is sealed."""

    protocol: str = Peer.Protocol.DIMSE
    ae_title: str = ""
    address: str = ""
    host: str = ""
    port: int | None = None
    description: str = ""
    project: str = ""
    account: str = ""
    may_store: bool = True
    may_query: bool = False
    may_retrieve: bool = False
    is_move_destination: bool = False
    transfer_syntaxes: tuple[str, ...] = ()
    uses_tls: bool = False
    certificate_authority: str = ""
    base_url: str = ""
    authorization: str | None = None
    is_enabled: bool = True


def list_peers(user: AnyUser) -> list[Peer]:
    """Return every peer with how much waits for it and how much failed."""
    require_site_radiology_admin(user)
    rows = Peer.objects.select_related("project", "account").order_by("ae_title", "address")
    open_states = (Forward.State.WAITING, Forward.State.SENDING, Forward.State.FAILED)
    # What was sent is most of the table, and not looked at.
    found = Forward.objects.filter(state__in=open_states).order_by().values_list("peer", "state")
    counts = {(peer, state): number for peer, state, number in found.annotate(n=Count("pk"))}
    peers = list(rows)
    for peer in peers:
        waiting = [counts.get((peer.pk, state), 0) for state in open_states[:2]]
        peer.waiting = sum(waiting)  # type: ignore[attr-defined]
        peer.failed = counts.get((peer.pk, Forward.State.FAILED), 0)  # type: ignore[attr-defined]
    return peers


def get_peer(user: AnyUser, peer_id: int) -> Peer:
    """Return one peer; NotVisibleError where there is none."""
    require_site_radiology_admin(user)
    peer = Peer.objects.select_related("project", "account").filter(pk=peer_id).first()
    if peer is None:
        raise NotVisibleError("There is no such peer.")
    return peer


def create_peer(*, asker: Asker, values: PeerValues) -> Peer:
    """Register a peer.

    Raises
    ------
    NotAllowedError
        Only a radiology admin of the whole archive may.
    InvalidRequestError
        A value can't be one; ``field`` names it.
    """
    _admin(asker)
    with transaction.atomic():
        peer = Peer()
        _write(peer, values)
        _record(asker, "create-peer", peer)
    return peer


def change_peer(*, asker: Asker, peer_id: int, values: PeerValues) -> Peer:
    """Change what is known of a peer. Errors as of `create_peer`."""
    _admin(asker)
    with transaction.atomic():
        peer = _locked(peer_id)
        _write(peer, values)
        _record(asker, "change-peer", peer)
    return peer


def delete_peer(*, asker: Asker, peer_id: int) -> None:
    """Take a peer out of the register, with its queue. Errors as of `create_peer`.

    One that rules use stays: they are deleted first, so that nobody wonders later.
    """
    _admin(asker)
    with transaction.atomic():
        peer = _locked(peer_id)
        if peer.forwarding_rules.exists() or peer.prefetch_rules.exists():
            raise InvalidRequestError(
                gettext("Rules use this peer; delete them first, or switch it off.")
            )
        _record(asker, "delete-peer", peer)
        try:
            peer.delete()
        except ProtectedError as error:
            message = "Something refers to this peer; switch it off instead."
            raise InvalidRequestError(message) from error


def echo_peer(*, asker: Asker, peer_id: int) -> Peer:
    """Ask a peer whether it answers, and keep what it said. Errors as of `create_peer`."""
    peer = get_peer(_admin(asker), peer_id)
    peer.echo_error = _why_silent(peer)[:255]
    peer.echoed_at = timezone.now()
    peer.save(update_fields=["echo_error", "echoed_at"])
    return peer


def _why_silent(peer: Peer) -> str:
    if peer.protocol == Peer.Protocol.DIMSE and peer.port is None:
        return "Its entry names no port at which it listens."
    return client_of(peer).echo(peer)


def _admin(asker: Asker) -> Any:
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change the register of peers."))
    require_site_radiology_admin(asker.user)
    return asker.user


def _locked(peer_id: int) -> Peer:
    peer = Peer.objects.select_for_update(of=("self",)).filter(pk=peer_id).first()
    if peer is None:
        raise NotVisibleError("There is no such peer.")
    return peer


def _write(peer: Peer, values: PeerValues) -> None:
    if values.protocol not in Peer.Protocol.values:
        raise _wrong("protocol", "A protocol is dimse or dicomweb.")
    was_at = _place(peer)
    peer.protocol = values.protocol
    for column in _COLUMNS:
        value = getattr(values, column)
        setattr(peer, column, value.strip() if isinstance(value, str) else value)
    peer.address = _address(values)
    peer.project = _project(values.project)
    peer.account_id = _account(values.account)
    peer.transfer_syntaxes = _syntaxes(values.transfer_syntaxes)
    if values.authorization is not None:
        peer.sealed_credentials = _seal(values.authorization)
    elif _place(peer, was_at[-1] if not values.address.strip() else None) != was_at:
        # They were given for another place, and are not for whoever is here.
        peer.sealed_credentials = ""
    _check(peer)
    try:
        with transaction.atomic():
            peer.save()
    except IntegrityError as error:
        message = "A peer of this name and address is registered already."
        raise _wrong("ae_title", message) from error


def _place(peer: Peer, address: str | None = None) -> tuple[str, ...]:
    """Return what credentials were given for: the protocol, the service's host, where it is.

    An address that nobody said, but a name that means another one today, is no other place.
    """
    parts = urlsplit(peer.base_url)
    try:
        port = parts.port
    except ValueError:
        port = None
    host = (parts.hostname or "").lower()
    return peer.protocol, parts.scheme, host, str(port), address or str(peer.address)


def _check(peer: Peer) -> None:
    if not _AE_TITLE.fullmatch(peer.ae_title) or not peer.ae_title.strip():
        raise _wrong(
            "ae_title", "An AE title has 1 to 16 printable ASCII characters, no backslash."
        )
    if peer.port is not None and not 1 <= peer.port <= 65535:
        raise _wrong("port", "A port is a number from 1 to 65535.")
    if peer.protocol == Peer.Protocol.DICOMWEB:
        # It is sent to and asked; who calls by DICOMweb has an account and a token.
        peer.may_store = peer.may_query = peer.may_retrieve = peer.is_move_destination = False
        peer.uses_tls = peer.base_url.startswith("https:")
    if peer.certificate_authority:
        try:
            ssl.create_default_context(cadata=peer.certificate_authority)
        except (ssl.SSLError, ValueError) as error:
            message = "The certificate authority is no PEM that can be read."
            raise _wrong("certificate_authority", message) from error
    try:
        peer.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        column, texts = next(iter(error.message_dict.items()))
        raise _wrong(column, " ".join(texts)) from error


def _address(values: PeerValues) -> str:
    """Return the address; of a DICOMweb service without one, what its name means now."""
    text = values.address.strip()
    if values.protocol == Peer.Protocol.DICOMWEB:
        try:
            parts = checked_url(values.base_url.strip())
        except InvalidRequestError as error:
            raise _wrong("base_url", error.message) from error
        if not text:
            unknown = Peer(address="0.0.0.0")  # noqa: S104 no bind: an address that nothing has
            try:
                text = address_of(unknown, parts.hostname or "", parts.port or 443)
            except PeerError as error:
                raise _wrong("base_url", error.message) from error
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise _wrong("address", "The address is an IP address, as 192.0.2.10.") from error


def _project(slug: str) -> Project | None:
    project = Project.objects.filter(slug=slug).first() if slug else None
    if slug and project is None:
        raise _wrong("project", "There is no such project.")
    return project


def _account(username: str) -> int | None:
    if not username:
        return None
    users = get_user_model().objects.filter(username=username, is_active=True)
    key: int | None = users.values_list("pk", flat=True).first()
    if key is None:
        raise _wrong("account", "There is no such account, or it is disabled.")
    return key


def _syntaxes(uids: tuple[str, ...]) -> list[str]:
    found = [uid.strip() for uid in uids if uid.strip()]
    if len(found) > 20 or not all(is_valid_uid(uid) for uid in found):
        raise _wrong("transfer_syntaxes", "Transfer syntaxes are UIDs, at most 20.")
    return found


def _seal(text: str) -> str:
    if not text.isprintable() or len(text) > 4000:
        raise _wrong("authorization", "The credentials hold characters that no header may.")
    return seal(text)


def _wrong(field: str, message: str) -> InvalidRequestError:
    error = InvalidRequestError(message)
    error.field = field  # type: ignore[attr-defined]
    return error


def _record(asker: Asker, act: str, peer: Peer) -> None:
    details = {
        "protocol": peer.protocol,
        "address": peer.address,
        "port": peer.port,
        "account": peer.account.get_username() if peer.account else None,
        "is_enabled": peer.is_enabled,
    }
    audit.record_peer_changed(asker, act=act, peer=peer.ae_title, details=details)
