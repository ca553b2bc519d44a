"""Single frames as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.frames import frame_bytes
from archive.dicom.transcoding import little_endian_frame
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, is_encapsulated
from archive.errors import NotVisibleError, PixelDecodingError
from archive.retrieve.datasets import load_dataset
from archive.retrieve.transfer_syntaxes import outgoing_transfer_syntax

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pydicom.dataset import Dataset

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
    chosen = outgoing_transfer_syntax(stored, wanted)
    ds = load_dataset(instance)
    if chosen == stored and is_encapsulated(stored):
        return OutgoingFrames(chosen, _compressed(ds, numbers))
    # The first frame is decoded before the answer begins, while it can still be an error.
    try:
        first = little_endian_frame(ds, numbers[0] - 1)
    except PixelDecodingError:
        if wanted or not is_encapsulated(stored):
            raise
        return OutgoingFrames(stored, _compressed(ds, numbers))
    return OutgoingFrames(EXPLICIT_LITTLE, _native(ds, first, numbers))


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


def _compressed(ds: Dataset, numbers: Sequence[int]) -> Iterator[bytes]:
    for number in numbers:
        yield frame_bytes(ds, number - 1)


def _native(ds: Dataset, first: bytes, numbers: Sequence[int]) -> Iterator[bytes]:
    yield first
    for number in numbers[1:]:
        yield little_endian_frame(ds, number - 1)
