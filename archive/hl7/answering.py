"""Acknowledgements (HL7 v2.5.1 section 2.9): applied, failed, or refused."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

if TYPE_CHECKING:
    from archive.hl7.reading import Message

ACCEPTED, FAILED, REFUSED = "AA", "AE", "AR"
# HL7 table 0357.
CONDITIONS = {
    "required": ("101", "Required field missing"),
    "length": ("102", "Data type error"),
    "unsupported": ("200", "Unsupported message type"),
    "unknown": ("204", "Unknown key identifier"),
    "internal": ("207", "Application internal error"),
    "sequence": ("100", "Segment sequence error"),
}


def acknowledgement(
    message: Message | None, code: str, *, condition: str = "", text: str = ""
) -> bytes:
    """Write the answer to a message; empty where its sender wants none (HL7 v2.5.1, 2.9.3).

    Parameters
    ----------
    message
        None where not even its header could be read
    code
        ``AA``, ``AE`` or ``AR``
    condition
        key of `CONDITIONS`, of what is not accepted
    text
        in people's words, without anything of a patient
    """
    code = _as_asked(message, code)
    if not code:
        return b""
    application, _, facility = (message.partner if message else "").partition("|")
    trigger = (message.kind if message else "").partition("^")[2]
    kind = f"ACK^{trigger}^ACK" if trigger else "ACK"
    now = timezone.now().strftime("%Y%m%d%H%M%S+0000")
    version = message.version if message else "2.5.1"
    mode = message.processing_id if message else "P"
    header = [
        *("MSH", "^~\\&", settings.TWINSIGHT_AE_TITLE, "TWINSIGHT"),
        *(escaped(application), escaped(facility), now, "", kind, secrets.token_hex(8)),
        *(escaped(mode), escaped(version), "", "", "", "", "", "UNICODE UTF-8"),
    ]
    segments = ["|".join(header)]
    segments.append(f"MSA|{code}|{escaped(message.control_id if message else '')}")
    if condition:
        number, words = CONDITIONS[condition]
        severity = "E"
        segments.append(f"ERR|||{number}^{words}^HL70357|{severity}||||{escaped(text[:300])}")
    return ("\r".join(segments) + "\r").encode()


def _as_asked(message: Message | None, code: str) -> str:
    """Return the code in the mode that the sender asks for: what was done, else what was taken."""
    if message is None or not (message.accept_wanted or message.answer_wanted):
        return code
    unwanted = ("NE", "", "SU" if code != ACCEPTED else "ER")
    if message.answer_wanted not in unwanted:
        return code
    return "" if message.accept_wanted in unwanted else f"C{code[1]}"


def batch_of(answers: list[bytes]) -> bytes:
    """Put the answers to a batch's messages into a batch (HL7 v2.5.1, 2.10.3).

    Parameters
    ----------
    answers
        in the order of the messages; those that nobody wants are empty
    """
    told = [one for one in answers if one]
    now = timezone.now().strftime("%Y%m%d%H%M%S+0000")
    head = f"BHS|^~\\&|{settings.TWINSIGHT_AE_TITLE}|TWINSIGHT|||{now}\r".encode()
    return head + b"".join(told) + f"BTS|{len(told)}\r".encode() if told else b""


def escaped(text: str) -> str:
    """Escape what separates, on one line.

    Parameters
    ----------
    text
        of a field's component
    """
    for char, escaped in (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("&", "\\T\\")):
        text = text.replace(char, escaped)
    return text.replace("~", "\\R\\").replace("\r", " ").replace("\n", " ")
