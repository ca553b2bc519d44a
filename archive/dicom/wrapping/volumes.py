"""Volumes as series of CT or MR slices, or as one multi-frame, each slice where it lies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import starmap

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import format_number_as_ds

from archive.dicom.assembling import BulkValue
from archive.dicom.wrapping.nifti import NiftiVolume
from archive.dicom.wrapping.pictures import MULTIFRAME_WORD
from archive.dicom.wrapping.subject import (
    PIXEL_DATA,
    MadeObject,
    Place,
    Subject,
    new_object,
)
from archive.errors import InvalidInstanceError

CT_IMAGE, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
# Cosine between rows and columns from which a slice is no rectangle.
_MAX_SHEAR = 1e-3
_PER_FRAME = 0x52009230


@dataclass(frozen=True)
class Slices:
    """Slices of a volume as DICOM wants them: 16 bits, rows and columns, places in LPS."""

    samples_zyx: npt.NDArray[np.generic]
    positions: npt.NDArray[np.float64]
    row_direction: npt.NDArray[np.float64]
    column_direction: npt.NDArray[np.float64]
    row_spacing_mm: float
    column_spacing_mm: float
    slice_spacing_mm: float
    slope: float
    intercept: float


def slices_of(volume: NiftiVolume, time: int = 0) -> Slices:
    """Lay out a volume's voxels as slices.

    Axes are turned over, never exchanged, so that slices look as radiologists expect them: the
    patient's left at the right, the front or the head on top.

    Parameters
    ----------
    volume : from `read_nifti`
    time : which of its volumes

    Returns
    -------
    Slices in the order of k

    Raises
    ------
    InvalidInstanceError
        ``sheared``: rows and columns are not at right angles.
    """
    voxels = volume.voxels_ijkt[..., time]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine_ras
    for axis in (0, 1):
        if _looks_back(affine[:3, axis]):
            last = voxels.shape[axis] - 1
            affine[:3, 3] += last * affine[:3, axis]
            affine[:3, axis] *= -1
            voxels = np.flip(voxels, axis)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    along_row, along_column = affine[:3, 0] / lengths[0], affine[:3, 1] / lengths[1]
    if abs(float(along_row @ along_column)) > _MAX_SHEAR:
        message = "The volume is sheared: its slices are no rectangles."
        raise InvalidInstanceError(message, code="sheared")
    samples, slope, intercept = _as_16_bits(voxels, volume.slope, volume.intercept)
    numbers = np.arange(voxels.shape[2])[:, None]
    return Slices(
        samples_zyx=samples.transpose(2, 1, 0),
        positions=affine[:3, 3] + numbers * affine[:3, 2],
        row_direction=along_row,
        column_direction=along_column,
        row_spacing_mm=float(lengths[1]),
        column_spacing_mm=float(lengths[0]),
        slice_spacing_mm=float(lengths[2]),
        slope=slope,
        intercept=intercept,
    )


def _looks_back(direction: npt.NDArray[np.float64]) -> bool:
    """Whether an axis runs against the way in which pictures are drawn: to L, P, and the feet."""
    main = int(np.argmax(np.abs(direction)))
    wanted = -1.0 if main == 2 else 1.0
    return bool(direction[main] * wanted < 0)


def _as_16_bits(
    voxels: npt.NDArray[np.generic], slope: float, intercept: float
) -> tuple[npt.NDArray[np.generic], float, float]:
    """Return 16-bit samples, with the slope and intercept that lead back to the values."""
    finite = voxels
    if voxels.dtype.kind == "f":
        finite = np.nan_to_num(voxels, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    is_whole = voxels.dtype.kind in "iu" or bool(np.array_equal(finite, np.rint(finite)))
    if is_whole and low >= -32768 and high <= 32767:
        return finite.astype("<i2"), slope, intercept
    if is_whole and low >= 0 and high <= 65535:
        return finite.astype("<u2"), slope, intercept
    step = (high - low) / 65535 or 1.0
    scaled = np.round((finite.astype(np.float64) - low) / step).astype("<u2")
    return scaled, slope * step, slope * low + intercept


def wrap_slices(
    slices: Slices, subject: Subject, place: Place, uids: list[str]
) -> Iterator[MadeObject]:
    """Make CT or MR images of slices, one each.

    Parameters
    ----------
    slices : from `slices_of`
    subject : patient and study
    place : series, and the modality CT or MR
    uids : SOP Instance UID of each slice, then the Frame of Reference UID

    Yields
    ------
    MadeObject, in the order of k

    References
    ----------
    DICOM PS3.3 A.3, A.4, C.7.6.2, C.8.2.1, C.8.3.1
    """
    *instances, frame_of_reference = uids

    def made(number: int, uid: str) -> MadeObject:
        here = replace(place, sop_instance_uid=uid, instance_number=number + 1)
        ds = new_object(subject, here, CT_IMAGE if place.modality == "CT" else MR_IMAGE)
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame_of_reference, ""
        ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if place.modality == "CT" else "OTHER"]
        ds.PatientPosition = ""
        ds.ImagePositionPatient = _numbers(slices.positions[number])
        ds.ImageOrientationPatient = _orientation(slices)
        ds.PixelSpacing = _numbers([slices.row_spacing_mm, slices.column_spacing_mm])
        ds.SliceThickness = format_number_as_ds(slices.slice_spacing_mm)
        _describe_pixels(ds, slices)
        _describe_modality(ds, slices)
        content = np.ascontiguousarray(slices.samples_zyx[number]).tobytes()
        return MadeObject(ds, {PIXEL_DATA: ("OW", [BulkValue(len(content), [content])])})

    yield from starmap(made, enumerate(instances))


def wrap_as_multiframe(
    slices: Slices, subject: Subject, place: Place, frame_of_reference_uid: str
) -> MadeObject:
    """Make one Multi-frame Grayscale Word Secondary Capture image of slices.

    Parameters
    ----------
    slices : from `slices_of`
    subject : patient and study
    place : series and instance; ``modality`` empty: OT
    frame_of_reference_uid : of the volume

    Returns
    -------
    MadeObject with the place of each frame in its functional groups

    References
    ----------
    DICOM PS3.3 A.8.4, C.8.6.3, C.7.6.16
    """
    ds = new_object(subject, place, MULTIFRAME_WORD)
    ds.Modality = place.modality or "OT"
    ds.ConversionType = "WSD"
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame_of_reference_uid, ""
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.PatientOrientation = ""
    ds.BurnedInAnnotation = "NO"
    ds.NumberOfFrames = len(slices.samples_zyx)
    ds.FrameIncrementPointer = _PER_FRAME
    ds.PresentationLUTShape = "IDENTITY"
    samples, intercept = slices.samples_zyx, slices.intercept
    if samples.dtype.kind == "i":
        # This class holds no negative samples (PS3.3 A.8.4.4): they move, and the intercept back.
        samples = (samples.astype(np.int32) + 32768).astype("<u2")
        intercept -= 32768 * slices.slope
    moved = replace(slices, samples_zyx=samples, intercept=intercept)
    _describe_pixels(ds, moved)
    ds.RescaleSlope = format_number_as_ds(moved.slope)
    ds.RescaleIntercept = format_number_as_ds(moved.intercept)
    ds.RescaleType = "US"
    ds.SharedFunctionalGroupsSequence = Sequence([_shared(moved)])
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        [_frame(position) for position in moved.positions]
    )
    content = np.ascontiguousarray(samples).tobytes()
    return MadeObject(ds, {PIXEL_DATA: ("OW", [BulkValue(len(content), [content])])})


def _shared(slices: Slices) -> Dataset:
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = _numbers([slices.row_spacing_mm, slices.column_spacing_mm])
    measures.SliceThickness = format_number_as_ds(slices.slice_spacing_mm)
    plane.ImageOrientationPatient = _orientation(slices)
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    return shared


def _frame(position: npt.NDArray[np.float64]) -> Dataset:
    place, frame = Dataset(), Dataset()
    place.ImagePositionPatient = _numbers(position)
    frame.PlanePositionSequence = Sequence([place])
    return frame


def _describe_pixels(ds: Dataset, slices: Slices) -> None:
    samples = slices.samples_zyx
    ds.Rows, ds.Columns = samples.shape[1:3]
    if max(samples.shape[1:3]) > 0xFFFF:
        message = "A side of the volume has more than 65535 voxels."
        raise InvalidInstanceError(message, code="picture-too-large")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = int(samples.dtype.kind == "i")
    low, high = (float(one(samples)) for one in (np.min, np.max))
    low, high = (one * slices.slope + slices.intercept for one in (low, high))
    ds.WindowCenter = format_number_as_ds((low + high) / 2)
    ds.WindowWidth = format_number_as_ds(max(abs(high - low), 1.0))


def _describe_modality(ds: Dataset, slices: Slices) -> None:
    if ds.Modality == "CT":
        ds.KVP, ds.AcquisitionNumber = None, None
        ds.RescaleType = "HU"
    else:
        ds.ScanningSequence, ds.SequenceVariant = "RM", "NONE"
        ds.ScanOptions, ds.MRAcquisitionType = "", "3D"
        ds.EchoTime, ds.EchoTrainLength, ds.RepetitionTime = None, None, None
    if ds.Modality == "CT" or (slices.slope, slices.intercept) != (1.0, 0.0):
        ds.RescaleSlope = format_number_as_ds(slices.slope)
        ds.RescaleIntercept = format_number_as_ds(slices.intercept)


def _orientation(slices: Slices) -> list[str]:
    return _numbers([*slices.row_direction, *slices.column_direction])


def _numbers(values: npt.ArrayLike) -> list[str]:
    # Without -0, and in at most sixteen characters.
    return [format_number_as_ds(float(one) + 0.0) for one in np.asarray(values, np.float64)]
