"""Sealed records sent to a syslog server over TLS: in their order, none left out.

RFC 5425 has no receipts. So records go in batches, one connection each, and a batch counts as
delivered when the server has read to its end: it answers the end of our side with the end of its
own (close_notify, RFC 5425 4.4). Else it is sent again, and some records may arrive twice.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from archive.audit.atna import audit_message
from archive.models import AuditEvent, AuditSeal
from archive.models.audit import AuditDelivery
from archive.models.turns import turn_if_free

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

BATCH, _TURN_S, _TIMEOUT_S = 500, 1.0, 3.0
# Facility 10 (security), severity 5 (notice).
_PRIORITY = 10 * 8 + 5
_LOCK = 0x54574155
_MOST_PAUSE_S = 300


def send_records() -> int:
    """Send what was sealed since the last time, for about a second.

    Returns
    -------
    how many records were delivered; 0 where nothing is new, no server is named, another sender is
    at work, or the server failed: what was not delivered stays, and is sent later
    """
    if not settings.TWINSIGHT_SYSLOG_URL:
        return 0
    with turn_if_free(_LOCK) as is_alone:
        return _send_all() if is_alone else 0


def _send_all() -> int:
    row, _ = AuditDelivery.objects.get_or_create(destination=_destination())
    if row.retry_at is not None and row.retry_at > timezone.now():
        return 0
    sealed = AuditSeal.objects.order_by("-pk").values_list("last_event", flat=True).first() or 0
    delivered, until = 0, time.monotonic() + _TURN_S
    while row.last_event < sealed and time.monotonic() < until:
        records = AuditEvent.objects.order_by("pk").filter(pk__gt=row.last_event, pk__lte=sealed)
        batch = list(records[:BATCH])
        try:
            if batch:
                _deliver([_framed(event) for event in batch])
        except OSError as error:
            _postpone(row, error)
            break
        row.last_event = batch[-1].pk if batch else sealed
        row.attempts, row.error, row.retry_at = 0, "", None
        row.delivered_at = timezone.now()
        row.save()
        delivered += len(batch)
    return delivered


def _postpone(row: AuditDelivery, error: OSError) -> None:
    row.attempts += 1
    row.error = str(error)[:255]
    pause_s = min(5 * 2 ** min(row.attempts - 1, 10), _MOST_PAUSE_S)
    row.retry_at = timezone.now() + timedelta(seconds=pause_s)
    row.save()
    logger.warning("audit records wait: the syslog server failed", extra={"attempt": row.attempts})


def _destination() -> str:
    parts = urlsplit(settings.TWINSIGHT_SYSLOG_URL)
    return f"{parts.hostname}:{parts.port or 6514}"


def _framed(event: AuditEvent) -> bytes:
    """Return one message as RFC 5424 writes it, with its length before it (RFC 5425)."""
    host = socket.gethostname() or "-"
    head = (
        f"<{_PRIORITY}>1 {event.recorded_at.isoformat()} {host} Twinsight {os.getpid()}"
        " IHE+RFC-3881 - \ufeff"
    )
    message = head.encode() + audit_message(event, source=settings.TWINSIGHT_AE_TITLE)
    return f"{len(message)} ".encode() + message


def _deliver(messages: Sequence[bytes]) -> None:
    """Send messages over one connection, and make sure that the server read them all.

    Raises
    ------
    OSError
        It is not sure.
    """
    parts = urlsplit(settings.TWINSIGHT_SYSLOG_URL)
    host, port = parts.hostname or "", parts.port or 6514
    with (
        socket.create_connection((host, port), timeout=_TIMEOUT_S) as bare,
        _context().wrap_socket(bare, server_hostname=host) as secured,
    ):
        secured.sendall(b"".join(messages))
        try:
            secured.unwrap()
        except ssl.SSLEOFError:
            # It closed without saying so, and after our end: read to there all the same.
            return


def _context() -> ssl.SSLContext:
    if urlsplit(settings.TWINSIGHT_SYSLOG_URL).scheme != "tls":
        message = "TWINSIGHT_SYSLOG_URL is tls://host:port."
        raise OSError(message)
    context = ssl.create_default_context(cafile=settings.TWINSIGHT_SYSLOG_AUTHORITY or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.TWINSIGHT_SYSLOG_CERTIFICATE:
        context.load_cert_chain(
            settings.TWINSIGHT_SYSLOG_CERTIFICATE, settings.TWINSIGHT_SYSLOG_KEY or None
        )
    return context
