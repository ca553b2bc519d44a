"""The listener's side of TLS (BCP 195 profile, PS3.15 B.10)."""

from __future__ import annotations

import ssl

from django.conf import settings

from archive.errors import PeerError
from archive.forwarding.dimse_tls import bound_to_profile


def server_context() -> ssl.SSLContext:
    """Return how peers come in by TLS: with certificates of their own where an authority is set.

    Raises
    ------
    PeerError
        A certificate or key is missing, or can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        bound_to_profile(context)
        context.load_cert_chain(
            settings.TWINSIGHT_DICOM_TLS_CERTIFICATE, settings.TWINSIGHT_DICOM_TLS_KEY or None
        )
        if settings.TWINSIGHT_DICOM_TLS_AUTHORITY:
            context.load_verify_locations(settings.TWINSIGHT_DICOM_TLS_AUTHORITY)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        message = (
            "TWINSIGHT_DICOM_TLS_CERTIFICATE, _KEY and _AUTHORITY must name PEM files "
            "that belong together."
        )
        raise PeerError(message, code="certificate") from error
    return context
