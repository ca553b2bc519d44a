"""In which transfer syntax an instance leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicom.encoding import can_encode, encodable_syntaxes
from archive.dicom.transfer_syntaxes import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    GE_PRIVATE_BIG_PIXELS,
    IMPLICIT_LITTLE,
)
from archive.errors import NotAcceptableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from archive.models import Instance

ANY = "*"
# PS3.18 8.7.3: these shall not be used on the web.
NOT_FOR_THE_WEB = frozenset({IMPLICIT_LITTLE, EXPLICIT_BIG, GE_PRIVATE_BIG_PIXELS})
_PREFIX = "1.2.840.10008.1.2.4."
# What was lost can't be brought back, so these may be sent as they are (PS3.18 8.7.3.3).
_LOSSY = frozenset(
    f"{_PREFIX}{number}"
    for number in (
        *("50", "51", "81", "91", "93", "112", "203"),
        *("100", "100.1", "101", "101.1", "102", "102.1", "103", "103.1"),
        *("104", "104.1", "105", "105.1", "106", "106.1", "107", "108"),
    )
)


def outgoing_transfer_syntax(
    stored: str, wanted: Collection[str], makeable: Collection[str] = ()
) -> str:
    """Choose the transfer syntax of an answer.

    Parameters
    ----------
    stored
        transfer syntax UID of the stored file
    wanted
        UIDs that the asker takes, the best liked first; ``*`` for any; none for the default,
        Explicit VR Little Endian
    makeable
        UIDs that can be made beside that one

    Returns
    -------
    the stored one where that will do, else the first that can be made

    Raises
    ------
    NotAcceptableError
        The asker takes only syntaxes that the archive does not make.

    References
    ----------
    DICOM PS3.18 8.7.3
    """
    is_fit = stored not in NOT_FOR_THE_WEB
    if is_fit and (ANY in wanted or stored in wanted):
        return stored
    if not wanted:
        return stored if stored in _LOSSY else EXPLICIT_LITTLE
    for syntax in wanted:
        if syntax in {ANY, EXPLICIT_LITTLE}:
            return EXPLICIT_LITTLE
        if syntax in makeable and syntax not in NOT_FOR_THE_WEB:
            return syntax
    offered = [stored] if is_fit else []
    offered += [uid for uid in (EXPLICIT_LITTLE, *makeable) if uid not in NOT_FOR_THE_WEB]
    listed = ", ".join(dict.fromkeys(offered))
    raise NotAcceptableError(f"The instance can be sent in the transfer syntaxes {listed}.")


def web_transfer_syntax(instance: Instance, wanted: Collection[str]) -> str:
    """Choose the transfer syntax in which an instance leaves as a whole.

    What holds no pixels goes out as Explicit VR Little Endian where a compression is asked for:
    compressions are of pixels.

    Parameters
    ----------
    instance
        the object to send
    wanted
        as for `outgoing_transfer_syntax`

    Raises
    ------
    NotAcceptableError
        As there.
    """
    stored = str(instance.transfer_syntax_uid)
    if not instance.has_pixel_data and set(wanted) & set(encodable_syntaxes()):
        wanted = (*wanted, EXPLICIT_LITTLE)
        return outgoing_transfer_syntax(stored, wanted)
    return outgoing_transfer_syntax(stored, wanted, makeable_syntaxes(instance) if wanted else ())


def makeable_syntaxes(instance: Instance) -> list[str]:
    """Transfer syntaxes that an instance can be sent in beside the stored one, the best first.

    Parameters
    ----------
    instance
        pixels, or none: then any encoding of the data set will do
    """
    compressed = [
        syntax
        for syntax in encodable_syntaxes()
        if not instance.has_pixel_data
        or can_encode(
            syntax,
            bits_allocated=instance.bits_allocated,
            samples_per_pixel=instance.samples_per_pixel,
        )
    ]
    return [EXPLICIT_LITTLE, IMPLICIT_LITTLE, *compressed]


def peer_transfer_syntax(instance: Instance, accepted: Collection[str]) -> str:
    """Choose the transfer syntax for a peer that named those it takes.

    Parameters
    ----------
    instance
        the object to send
    accepted
        transfer syntax UIDs

    Raises
    ------
    NotAcceptableError
        ``no-transfer-syntax``: none of them is stored or can be made.
    """
    stored = str(instance.transfer_syntax_uid)
    for syntax in (stored, *makeable_syntaxes(instance)):
        if syntax in accepted:
            return syntax
    message = "The receiver takes no transfer syntax that this instance can be sent in."
    raise NotAcceptableError(message, code="no-transfer-syntax")
