"""Where each frame of a series lies: its plane in the patient, from whichever place it is told."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from inference.errors import UnsupportedInputError

# How far direction cosines may be from length 1 and a right angle: they are written as text.
_COSINE_TOLERANCE = 1e-2


@dataclass(frozen=True, eq=False)
class Plane:
    """Where one frame lies, and where its pixels are.

    Attributes
    ----------
    dataset, frame_index : the image, and the 0-based frame in it
    source_position : 0-based place among all frames as given
    position : (3,) mm LPS, centre of the first pixel
    orientation : (6,) direction cosines along a row, then along a column
    spacing : mm between rows, between columns
    thickness : mm between slices as stated, None where it isn't
    slope, intercept : from stored to modality values
    """

    dataset: Dataset
    frame_index: int
    source_position: int
    position: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    spacing: tuple[float, float]
    thickness: float | None
    slope: float
    intercept: float


def read_planes(datasets: Sequence[Dataset]) -> list[Plane]:
    """Read the place of every frame.

    Parameters
    ----------
    datasets : single-frame images, or one enhanced multi-frame image

    Returns
    -------
    one `Plane` a frame, as stored

    Raises
    ------
    UnsupportedInputError
        A frame has no place, or there are several multi-frame images.

    References
    ----------
    DICOM PS3.3 C.7.6.2, C.7.6.16.2
    """
    is_multi_frame = any("PerFrameFunctionalGroupsSequence" in ds for ds in datasets)
    if is_multi_frame and len(datasets) > 1:
        parts = {str(ds.get("ConcatenationUID") or "") for ds in datasets}
        words = "The parts of a concatenation" if parts != {""} else "Several multi-frame images"
        raise UnsupportedInputError(f"{words} can't be read as one volume.")
    if is_multi_frame:
        return _enhanced_planes(datasets[0])
    if any(int(ds.get("NumberOfFrames", None) or 1) > 1 for ds in datasets):
        raise UnsupportedInputError("The frames of this multi-frame image have no positions.")
    return [_make_plane(ds, 0, index, (ds,) * 4) for index, ds in enumerate(datasets)]


def _enhanced_planes(ds: Dataset) -> list[Plane]:
    groups_of_frames = ds.PerFrameFunctionalGroupsSequence
    frames = int(ds.get("NumberOfFrames", None) or 1)
    if len(groups_of_frames) != frames:
        raise UnsupportedInputError(
            f"The image has {frames} frames, but places for {len(groups_of_frames)}."
        )
    shared_items = ds.get("SharedFunctionalGroupsSequence") or [Dataset()]
    planes = []
    for index, groups in enumerate(groups_of_frames):
        macros = tuple(
            _macro(keyword, groups, shared_items[0])
            for keyword in (
                "PlanePositionSequence",
                "PlaneOrientationSequence",
                "PixelMeasuresSequence",
                "PixelValueTransformationSequence",
            )
        )
        planes.append(_make_plane(ds, index, index, macros))
    return planes


def _macro(keyword: str, groups: Dataset, shared: Dataset) -> Dataset:
    items = groups.get(keyword) or shared.get(keyword)
    return items[0] if items else Dataset()


def _make_plane(
    ds: Dataset, frame_index: int, source_position: int, macros: tuple[Dataset, ...]
) -> Plane:
    position_macro, orientation_macro, measures, transformation = macros
    position = _numbers(position_macro, "ImagePositionPatient", 3)
    spacing = _numbers(measures, "PixelSpacing", 2)
    if spacing.min() <= 0:
        raise UnsupportedInputError("The images' pixel spacing makes no grid.")
    thickness = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness")
    slope = transformation.get("RescaleSlope")
    intercept = transformation.get("RescaleIntercept")
    return Plane(
        dataset=ds,
        frame_index=frame_index,
        source_position=source_position,
        position=position,
        orientation=_orientation(orientation_macro),
        spacing=(float(spacing[0]), float(spacing[1])),
        thickness=None if thickness is None else abs(float(thickness)),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
    )


def _orientation(macro: Dataset) -> npt.NDArray[np.float64]:
    """Return both direction cosines, of length 1 exactly."""
    cosines = _numbers(macro, "ImageOrientationPatient", 6).reshape(2, 3)
    lengths = np.linalg.norm(cosines, axis=1)
    is_unit = np.abs(lengths - 1).max() <= _COSINE_TOLERANCE
    if not is_unit or abs(float(cosines[0] @ cosines[1])) > _COSINE_TOLERANCE:
        raise UnsupportedInputError("The images' orientation makes no grid.")
    return np.asarray(cosines / lengths[:, np.newaxis]).reshape(6)


def _numbers(ds: Dataset, keyword: str, count: int) -> npt.NDArray[np.float64]:
    value = ds.get(keyword)
    try:
        numbers = np.array([float(part) for part in value or ()], dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.size != count or not np.isfinite(numbers).all():
        raise UnsupportedInputError(f"An image lacks a valid {keyword}, so it has no place.")
    return numbers
