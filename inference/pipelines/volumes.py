"""A series of DICOM images as one regular grid of modality values, or a reason why it is none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from archive.dicom.pixels import decode_frame
from archive.errors import PixelDecodingError
from inference.errors import UnsupportedInputError
from inference.pipelines.types import Volume

MAX_VOXELS = 2**30
# Slice distances are written with limited precision and measured by hand of the table.
_GAP_TOLERANCE = 0.1
_ORIENTATION_TOLERANCE = 1e-3
_SAME_POSITION_MM = 1e-3


@dataclass(frozen=True, eq=False)
class _Plane:
    """Where one frame lies, and where its pixels are."""

    dataset: Dataset
    frame_index: int
    source_position: int
    position: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    spacing: tuple[float, float]
    thickness: float | None
    slope: float
    intercept: float


def read_volume(datasets: Sequence[Dataset]) -> Volume:
    """Stack the images of one series into a volume.

    Parameters
    ----------
    datasets : the series' instances with pixel data, in any order: single-frame images, or one
        enhanced multi-frame image

    Returns
    -------
    Volume
        float32 modality values, sorted along the slice normal, with its affine in LPS

    Raises
    ------
    UnsupportedInputError
        The images are no single regular stack: none, several series or sizes or orientations,
        colour, no position, two images at one place, unequal gaps, or too many voxels.

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1, C.7.6.16.2
    """
    if not datasets:
        raise UnsupportedInputError("The series has no images.")
    _check_alike(datasets)
    planes = _sorted_planes(_planes(datasets))
    step = _slice_step(planes)
    first = planes[0]
    row_spacing, column_spacing = first.spacing
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[:3] * column_spacing
    affine[:3, 1] = first.orientation[3:] * row_spacing
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    spacing = (float(np.linalg.norm(step)), row_spacing, column_spacing)
    ordered = [plane.dataset for plane in planes]
    return Volume(
        array_zyx=_stack(planes),
        affine_lps=affine,
        spacing_mm_zyx=spacing,
        datasets=ordered if len(datasets) > 1 else [datasets[0]],
        frame_order=tuple(range(len(planes)))
        if len(datasets) > 1
        else tuple(plane.source_position for plane in planes),
        modality=str(datasets[0].get("Modality", "")),
    )


def _check_alike(datasets: Sequence[Dataset]) -> None:
    for keyword, what in (
        ("SeriesInstanceUID", "several series"),
        ("FrameOfReferenceUID", "several frames of reference"),
        ("Rows", "images of several sizes"),
        ("Columns", "images of several sizes"),
    ):
        if len({str(ds.get(keyword)) for ds in datasets}) > 1:
            raise UnsupportedInputError(f"The images are mixed: {what}.")
    if any(int(ds.get("SamplesPerPixel", 1)) != 1 for ds in datasets):
        raise UnsupportedInputError("Colour images have no modality values.")
    if any("ModalityLUTSequence" in ds for ds in datasets):
        raise UnsupportedInputError("Images with a modality LUT table are not supported.")
    frames = sum(int(ds.get("NumberOfFrames", None) or 1) for ds in datasets)
    voxels = frames * int(datasets[0].get("Rows", 0)) * int(datasets[0].get("Columns", 0))
    if voxels == 0:
        raise UnsupportedInputError("The images have no pixels.")
    if voxels > MAX_VOXELS:
        raise UnsupportedInputError(f"The series has {voxels} voxels; {MAX_VOXELS} is the limit.")


def _planes(datasets: Sequence[Dataset]) -> list[_Plane]:
    is_multi_frame = any("PerFrameFunctionalGroupsSequence" in ds for ds in datasets)
    if is_multi_frame and len(datasets) > 1:
        raise UnsupportedInputError("Several multi-frame images can't be read as one volume.")
    if is_multi_frame:
        return _enhanced_planes(datasets[0])
    if any(int(ds.get("NumberOfFrames", None) or 1) > 1 for ds in datasets):
        raise UnsupportedInputError("The frames of this multi-frame image have no positions.")
    return [_single_plane(ds, index) for index, ds in enumerate(datasets)]


def _single_plane(ds: Dataset, source_position: int) -> _Plane:
    return _make_plane(ds, 0, source_position, (ds,) * 4)


def _enhanced_planes(ds: Dataset) -> list[_Plane]:
    shared_items = ds.get("SharedFunctionalGroupsSequence") or [Dataset()]
    planes = []
    for index, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
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
) -> _Plane:
    position_macro, orientation_macro, measures, transformation = macros
    position = _numbers(position_macro, "ImagePositionPatient", 3)
    orientation = _numbers(orientation_macro, "ImageOrientationPatient", 6)
    spacing = _numbers(measures, "PixelSpacing", 2)
    if np.abs(np.cross(orientation[:3], orientation[3:])).max() < 0.5 or spacing.min() <= 0:
        raise UnsupportedInputError("The images' orientation or pixel spacing makes no grid.")
    thickness = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness")
    slope = transformation.get("RescaleSlope")
    intercept = transformation.get("RescaleIntercept")
    return _Plane(
        dataset=ds,
        frame_index=frame_index,
        source_position=source_position,
        position=position,
        orientation=orientation,
        spacing=(float(spacing[0]), float(spacing[1])),
        thickness=None if thickness is None else abs(float(thickness)),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
    )


def _numbers(ds: Dataset, keyword: str, count: int) -> npt.NDArray[np.float64]:
    value = ds.get(keyword)
    try:
        numbers = np.array([float(part) for part in value or ()], dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.size != count or not np.isfinite(numbers).all():
        raise UnsupportedInputError(f"An image lacks a valid {keyword}, so it has no place.")
    return numbers


def _sorted_planes(planes: list[_Plane]) -> list[_Plane]:
    first = planes[0]
    for plane in planes[1:]:
        turned = np.abs(plane.orientation - first.orientation).max() > _ORIENTATION_TOLERANCE
        if turned or not np.allclose(plane.spacing, first.spacing, rtol=1e-4):
            raise UnsupportedInputError(
                "The images are mixed: several orientations or pixel spacings."
            )
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    return sorted(planes, key=lambda plane: float(plane.position @ normal))


def _slice_step(planes: list[_Plane]) -> npt.NDArray[np.float64]:
    """Return the vector from one slice to the next, in mm."""
    first = planes[0]
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    if len(planes) == 1:
        if not first.thickness:
            raise UnsupportedInputError("A single image without slice thickness has no volume.")
        return normal * first.thickness
    positions = np.stack([plane.position for plane in planes])
    gaps = np.diff(positions @ normal)
    if gaps.min() < _SAME_POSITION_MM:
        raise UnsupportedInputError(
            "Two images lie at the same place: several phases, echoes or copies in one series."
        )
    step = (positions[-1] - positions[0]) / (len(planes) - 1)
    typical = float(np.median(gaps))
    if np.abs(gaps - typical).max() > _GAP_TOLERANCE * typical:
        raise UnsupportedInputError(
            f"The slices are not evenly spaced: gaps from {gaps.min():.2f} to {gaps.max():.2f} mm."
        )
    expected = positions[0] + np.arange(len(planes))[:, np.newaxis] * step
    if np.abs(positions - expected).max() > max(1.0, typical):
        raise UnsupportedInputError("The slices don't lie along one straight line.")
    return np.asarray(step, dtype=np.float64)


def _stack(planes: list[_Plane]) -> npt.NDArray[np.float32]:
    first = planes[0].dataset
    shape = (len(planes), int(first.Rows), int(first.Columns))
    volume = np.empty(shape, dtype=np.float32)
    for index, plane in enumerate(planes):
        frame = _decoded(plane)
        if frame.shape != shape[1:]:
            raise UnsupportedInputError("An image's pixels don't match its rows and columns.")
        volume[index] = frame.astype(np.float32) * plane.slope + plane.intercept
    return volume


def _decoded(plane: _Plane) -> npt.NDArray[np.generic]:
    try:
        return decode_frame(plane.dataset, plane.frame_index)
    except PixelDecodingError as error:
        raise UnsupportedInputError("An image's pixels can't be decoded.") from error
