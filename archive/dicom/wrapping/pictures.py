"""Decoded pictures as Secondary Capture or Visible Light objects."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from archive.dicom.assembling import BulkValue
from archive.dicom.wrapping.subject import (
    PIXEL_DATA,
    MadeObject,
    Place,
    Subject,
    new_object,
    set_vl_context,
)
from archive.errors import InvalidInstanceError

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MULTIFRAME_BYTE = "1.2.840.10008.5.1.4.1.1.7.2"
MULTIFRAME_WORD = "1.2.840.10008.5.1.4.1.1.7.3"
MULTIFRAME_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"
# By the modality that their IODs fix (PS3.3 A.32).
VISIBLE_LIGHT = {
    "XC": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "ES": "1.2.840.10008.5.1.4.1.1.77.1.1",
    "GM": "1.2.840.10008.5.1.4.1.1.77.1.2",
}
_PAGE_VECTOR = 0x00182001


@dataclass(frozen=True)
class Picture:
    """Samples of a picture, (frames, rows, columns) or (frames, rows, columns, 3).

    uint8, or uint16 without colours. ``is_lossy`` says that a lossy codec had it before.
    """

    samples: npt.NDArray[np.generic]
    is_lossy: bool = False

    @property
    def is_colour(self) -> bool:
        """Whether it has three samples a pixel."""
        return self.samples.ndim == 4


def wrap_picture(picture: Picture, subject: Subject, place: Place) -> MadeObject:
    """Make an object of a picture.

    A single 8-bit picture of the modality XC, ES or GM becomes a Visible Light image, other ones
    Secondary Capture; several pages become a multi-frame.

    Parameters
    ----------
    picture : its samples
    subject : patient and study
    place : series and instance; ``modality`` empty: XC for colours, else OT

    Returns
    -------
    MadeObject, uncompressed

    Raises
    ------
    InvalidInstanceError
        ``picture-too-large``: a side has more than 65535 pixels.

    References
    ----------
    DICOM PS3.3 A.8 and A.32, C.8.6.1 to C.8.6.3, C.8.12.1
    """
    frames, rows, columns = picture.samples.shape[:3]
    if max(rows, columns) > 0xFFFF:
        message = "A side of the picture has more than 65535 pixels."
        raise InvalidInstanceError(message, code="picture-too-large")
    modality = place.modality or ("XC" if picture.is_colour else "OT")
    sop_class = _sop_class(picture, modality)
    ds = new_object(subject, place, sop_class)
    ds.Modality = modality
    _describe(ds, picture)
    if sop_class in VISIBLE_LIGHT.values():
        ds.ImageType = ["ORIGINAL", "PRIMARY"]
        set_vl_context(ds)
    else:
        ds.ConversionType = "WSD"
    if frames > 1:
        _describe_frames(ds, frames)
    content = np.ascontiguousarray(picture.samples).tobytes()
    vr = "OW" if ds.BitsAllocated > 8 else "OB"
    return MadeObject(ds, {PIXEL_DATA: (vr, [BulkValue(len(content), [content])])})


def _sop_class(picture: Picture, modality: str) -> str:
    is_word = picture.samples.dtype.itemsize == 2
    if len(picture.samples) > 1:
        if picture.is_colour:
            return MULTIFRAME_COLOUR
        return MULTIFRAME_WORD if is_word else MULTIFRAME_BYTE
    return SECONDARY_CAPTURE if is_word else VISIBLE_LIGHT.get(modality, SECONDARY_CAPTURE)


def _describe(ds: Dataset, picture: Picture) -> None:
    samples = picture.samples
    bits = 8 * samples.dtype.itemsize
    ds.PatientOrientation = ""
    ds.Rows, ds.Columns = samples.shape[1:3]
    ds.SamplesPerPixel = 3 if picture.is_colour else 1
    ds.PhotometricInterpretation = "RGB" if picture.is_colour else "MONOCHROME2"
    if picture.is_colour:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    ds.BurnedInAnnotation = "YES"  # nobody has looked: it may show a name
    if picture.is_lossy:
        ds.LossyImageCompression = "01"
        ds.LossyImageCompressionMethod = "ISO_10918_1"


def _describe_frames(ds: Dataset, frames: int) -> None:
    ds.NumberOfFrames = frames
    ds.FrameIncrementPointer = _PAGE_VECTOR
    ds.PageNumberVector = list(range(1, frames + 1))
    if ds.SamplesPerPixel == 1:
        ds.PresentationLUTShape = "IDENTITY"
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
