"""Single frames as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from archive.dicom.encoding import can_encode, encodable_syntaxes
from archive.dicom.frames import frame_bytes
from archive.dicom.transcoding import compressed_frame, little_endian_frame
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, is_encapsulated
from archive.errors import NotVisibleError, PixelDecodingError
from archive.retrieve.datasets import mapped_dataset
from archive.retrieve.native_frames import native_frames
from archive.retrieve.transfer_syntaxes import outgoing_transfer_syntax

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archive.models import Instance

OCTET_STREAM = "application/octet-stream"
_MEDIA_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.110": "image/jxl",
    "1.2.840.10008.1.2.4.111": "image/jxl",
    "1.2.840.10008.1.2.4.112": "image/jxl",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
}


@dataclass(frozen=True)
class OutgoingFrames:
    """Frames to send, all in one transfer syntax; the frames can be read once."""

    transfer_syntax_uid: str
    frames: Iterator[bytes]


def frame_media_type(transfer_syntax_uid: str) -> str:
    """Return the media type of a frame in the transfer syntax.

    Parameters
    ----------
    transfer_syntax_uid
        of the frame as sent

    References
    ----------
    DICOM PS3.18 tables 8.7.3-4 and 8.7.3-5
    """
    return _MEDIA_TYPES.get(transfer_syntax_uid, OCTET_STREAM)


def frame_media_types(instance: Instance) -> dict[str, list[str]]:
    """Return the media types that an image's frames can be had in, with their transfer syntaxes.

    Parameters
    ----------
    instance
        an image

    Returns
    -------
    beside the octet stream: what the frames are stored in, and what can be made of them
    """
    types: dict[str, list[str]] = {}
    for syntax in (stored_frame_syntax(instance), *frame_syntaxes(instance)):
        media_type = frame_media_type(syntax)
        if media_type != OCTET_STREAM and syntax not in types.get(media_type, []):
            types.setdefault(media_type, []).append(syntax)
    return types


def stored_frame_syntax(instance: Instance) -> str:
    """Return the transfer syntax of the frames when they are not transcoded.

    Parameters
    ----------
    instance
        an image; native frames are Explicit VR Little Endian, whatever the file around them is
    """
    syntax = instance.transfer_syntax_uid
    return str(syntax) if is_encapsulated(syntax) else EXPLICIT_LITTLE


def outgoing_frames(
    instance: Instance, numbers: Sequence[int], wanted: Collection[str] = ()
) -> OutgoingFrames:
    """Prepare frames for sending.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    numbers
        frame numbers, from 1
    wanted
        transfer syntax UIDs that the asker takes, ``*`` for any, none for the web's default

    Raises
    ------
    NotVisibleError
        The instance has no such frame.
    NotAcceptableError
        No transfer syntax fits.
    PixelDecodingError
        The first frame can't be decoded.
    """
    check_frame_numbers(instance, numbers)
    stored = stored_frame_syntax(instance)
    chosen = outgoing_transfer_syntax(stored, wanted, frame_syntaxes(instance) if wanted else ())
    if chosen == EXPLICIT_LITTLE == stored:
        native = native_frames(instance, numbers)
        if native is not None:
            return OutgoingFrames(chosen, native)
    if chosen == stored and is_encapsulated(stored):
        return _begun(chosen, _compressed(instance, numbers))
    try:
        return _begun(chosen, _made(instance, numbers, chosen))
    except PixelDecodingError:
        if wanted or not is_encapsulated(stored):
            raise
        return _begun(stored, _compressed(instance, numbers))


def require_frame_syntax(instance: Instance, wanted: Collection[str]) -> None:
    """Refuse, before anything is sent, transfer syntaxes that can't be met.

    Parameters
    ----------
    instance
        an image
    wanted
        as for `outgoing_frames`

    Raises
    ------
    NotAcceptableError
        No transfer syntax fits.
    """
    outgoing_transfer_syntax(stored_frame_syntax(instance), wanted, frame_syntaxes(instance))


def frame_syntaxes(instance: Instance) -> list[str]:
    """Transfer syntaxes that an image's frames can be compressed to.

    Parameters
    ----------
    instance
        an image
    """
    return [
        syntax
        for syntax in encodable_syntaxes()
        if can_encode(
            syntax,
            bits_allocated=instance.bits_allocated,
            samples_per_pixel=instance.samples_per_pixel,
        )
    ]


def _begun(transfer_syntax_uid: str, frames: Iterator[bytes]) -> OutgoingFrames:
    """Make the first frame before the answer begins, while it can still be an error."""
    return OutgoingFrames(transfer_syntax_uid, chain([next(frames)], frames))


def check_frame_numbers(instance: Instance, numbers: Sequence[int]) -> None:
    """Refuse frames that the instance does not have.

    Parameters
    ----------
    instance
        the image
    numbers
        frame numbers, from 1

    Raises
    ------
    NotVisibleError
        One of them is not there.
    """
    count = (instance.number_of_frames or 1) if instance.has_pixel_data else 0
    if any(not 1 <= number <= count for number in numbers):
        raise NotVisibleError(f"The instance has {count} frames.")


def _compressed(instance: Instance, numbers: Sequence[int]) -> Iterator[bytes]:
    with mapped_dataset(instance) as ds:
        for number in numbers:
            yield frame_bytes(ds, number - 1)


def _made(instance: Instance, numbers: Sequence[int], transfer_syntax_uid: str) -> Iterator[bytes]:
    with mapped_dataset(instance) as ds:
        for number in numbers:
            if transfer_syntax_uid == EXPLICIT_LITTLE:
                yield little_endian_frame(ds, number - 1)
            else:
                yield compressed_frame(ds, number - 1, transfer_syntax_uid)
