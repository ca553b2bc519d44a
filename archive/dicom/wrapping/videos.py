"""Videos as DICOM objects: the file goes into the object as it is."""

from collections.abc import Iterable

from archive.dicom.assembling import BulkValue
from archive.dicom.wrapping.mp4 import VideoFacts
from archive.dicom.wrapping.subject import (
    PIXEL_DATA,
    MadeObject,
    Place,
    Subject,
    new_object,
    set_vl_context,
)

# By the modality that their IODs fix (PS3.3 A.32.5 to A.32.7).
VIDEO_CLASSES = {
    "XC": "1.2.840.10008.5.1.4.1.1.77.1.4.1",
    "ES": "1.2.840.10008.5.1.4.1.1.77.1.1.1",
    "GM": "1.2.840.10008.5.1.4.1.1.77.1.2.1",
}
_FRAME_TIME = 0x00181063


def wrap_video(
    facts: VideoFacts, size_bytes: int, chunks: Iterable[bytes], subject: Subject, place: Place
) -> MadeObject:
    """Make an object of a video.

    Parameters
    ----------
    facts : from `read_mp4`
    size_bytes, chunks : the MP4
    subject : patient and study
    place : series and instance; a ``modality`` other than ES and GM becomes XC

    Returns
    -------
    MadeObject with the whole stream as one fragment

    References
    ----------
    DICOM PS3.3 A.32.5 to A.32.7, C.7.6.5; PS3.5 8.2.7
    """
    modality = place.modality if place.modality in VIDEO_CLASSES else "XC"
    ds = new_object(subject, place, VIDEO_CLASSES[modality])
    ds.Modality = modality
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PatientOrientation = ""
    ds.NumberOfFrames = facts.frames
    ds.FrameIncrementPointer = _FRAME_TIME
    ds.FrameTime = f"{1000 / facts.frames_per_second:.6f}"[:16]
    ds.CineRate = ds.RecommendedDisplayFrameRate = max(1, round(facts.frames_per_second))
    ds.Rows, ds.Columns = facts.rows, facts.columns
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.PhotometricInterpretation = "YBR_PARTIAL_420"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.BurnedInAnnotation = "YES"
    ds.LossyImageCompression = "01"
    is_avc = facts.transfer_syntax_uid.endswith((".102", ".104"))
    ds.LossyImageCompressionMethod = "ISO_14496_10" if is_avc else "ISO_23008_2"
    set_vl_context(ds)
    bulk = {PIXEL_DATA: ("OB", [BulkValue(size_bytes, chunks)])}
    return MadeObject(ds, bulk, facts.transfer_syntax_uid)
