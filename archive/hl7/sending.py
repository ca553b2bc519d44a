"""A message to another system, and its acknowledgement."""

from __future__ import annotations

import socket
import ssl

from django.conf import settings

from archive.errors import PeerError, PeerRefusedError, PeerUnreachableError
from archive.hl7.listener import END, START
from archive.hl7.reading import UnreadableMessageError, read_message

_TIMEOUT_S = 20.0
_MAX_BYTES = 256 * 1024


def receiver() -> tuple[str, int] | None:
    """Return where results go; None where none do.

    Raises
    ------
    PeerError
        The setting is no address with a port.
    """
    text = settings.TWINSIGHT_HL7_RESULTS_TO
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        message = "TWINSIGHT_HL7_RESULTS_TO is a host and a port, as his.example:2575."
        raise PeerError(message, code="receiver")
    return host.strip("[]"), int(port)


def send_message(content: bytes, where: tuple[str, int]) -> None:
    """Send a message and wait for its acknowledgement.

    Raises
    ------
    PeerUnreachableError
        The receiver can't be reached, or does not answer: to be tried again.
    PeerRefusedError
        It answers that it does not take the message.
    """
    try:
        with socket.create_connection(where, timeout=_TIMEOUT_S) as plain:
            stream: socket.socket = plain
            if settings.TWINSIGHT_HL7_RESULTS_TLS:
                context = ssl.create_default_context(
                    cafile=settings.TWINSIGHT_HL7_TLS_AUTHORITY or None
                )
                stream = context.wrap_socket(plain, server_hostname=where[0])
            stream.sendall(START + content + END)
            answer = b""
            while END not in answer and len(answer) < _MAX_BYTES:
                chunk = stream.recv(65536)
                if not chunk:
                    break
                answer += chunk
    except (OSError, ssl.SSLError) as error:
        raise PeerUnreachableError("The receiver can't be reached, or is silent.") from error
    _check(answer)


def _check(answer: bytes) -> None:
    try:
        said = read_message(answer.partition(START)[2].partition(END)[0])
    except UnreadableMessageError as error:
        raise PeerUnreachableError("The receiver's answer is no acknowledgement.") from error
    code = said.text("MSA", 1)
    if code not in {"AA", "CA"}:
        raise PeerRefusedError(f"The receiver answers {code[:2] or 'nothing'}.")
