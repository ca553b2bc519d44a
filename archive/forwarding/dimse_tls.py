"""TLS of DICOM associations: the BCP 195 profile (PS3.15 B.10), both ways."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from django.conf import settings

from archive.errors import PeerError

if TYPE_CHECKING:
    from archive.models import Peer

# RFC 9325 4.2: forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def client_context(peer: Peer) -> ssl.SSLContext:
    """Return how a peer that listens with TLS is called.

    Its certificate must be signed by the authority that the peer's entry names, or by one that
    the system trusts, and be made out to the host that is called. A certificate that is no
    authority's is the peer's own: then it alone is accepted, whatever name stands in it.

    Parameters
    ----------
    peer
        from the register of peers

    Raises
    ------
    PeerError
        A certificate or key can't be read.
    """
    try:
        context = ssl.create_default_context(cadata=peer.certificate_authority or None)
        bound_to_profile(context)
        if peer.certificate_authority:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.check_hostname = context.cert_store_stats()["x509_ca"] > 0
        certificate = settings.TWINSIGHT_DICOM_TLS_CERTIFICATE
        if certificate:
            context.load_cert_chain(certificate, settings.TWINSIGHT_DICOM_TLS_KEY or None)
    except (OSError, ValueError) as error:
        message = f"The certificates for TLS with {peer.ae_title} can't be used."
        raise PeerError(message, code="peer-certificate") from error
    return context


def bound_to_profile(context: ssl.SSLContext) -> None:
    """Let a context negotiate what the BCP 195 profile allows, and nothing else."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
