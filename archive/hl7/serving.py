"""The listener as the site has it: its account, its senders, its certificate."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError

from archive.audit.types import Asker
from archive.corrections.messages import message_account
from archive.errors import ArchiveError, PeerError
from archive.forwarding.dimse_tls import bound_to_profile
from archive.hl7.answering import FAILED, acknowledgement
from archive.hl7.handling import answer_message
from archive.hl7.listener import MllpListener

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def site_listener(bind: str, port: int) -> MllpListener:
    """Return the listener that the settings describe.

    Raises
    ------
    PeerError
        Senders, certificate or key are not what they should be.
    OSError
        The port can't be listened on.
    """
    message_account()
    try:
        return MllpListener(
            bind, port, _answer, senders=settings.TWINSIGHT_HL7_SENDERS, context=_tls_context()
        )
    except ValueError as error:
        message = "TWINSIGHT_HL7_SENDERS must name addresses or networks."
        raise PeerError(message, code="senders") from error


def message_asker(user: User, address: str | None = None) -> Asker:
    """Return who acts for the hospital's other systems."""
    return Asker(door="hl7", user=user, address=address)


def _answer(content: bytes, address: str) -> bytes:
    try:
        # Read anew each time: an account that was disabled speaks for nobody.
        asker = message_asker(message_account(), address)
    except (ArchiveError, DatabaseError):
        text = "The archive takes in nothing just now; send it again."
        return acknowledgement(None, FAILED, condition="internal", text=text)
    return answer_message(content, asker)


def _tls_context() -> ssl.SSLContext | None:
    if not settings.TWINSIGHT_HL7_TLS_CERTIFICATE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        bound_to_profile(context)
        context.load_cert_chain(
            settings.TWINSIGHT_HL7_TLS_CERTIFICATE, settings.TWINSIGHT_HL7_TLS_KEY or None
        )
        if settings.TWINSIGHT_HL7_TLS_AUTHORITY:
            context.load_verify_locations(settings.TWINSIGHT_HL7_TLS_AUTHORITY)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        message = (
            "TWINSIGHT_HL7_TLS_CERTIFICATE, _KEY and _AUTHORITY must name PEM files "
            "that belong together."
        )
        raise PeerError(message, code="certificate") from error
    return context
