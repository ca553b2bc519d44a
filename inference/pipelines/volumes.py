"""A series of DICOM images as one regular grid of modality values, or a reason why it is none."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from archive.dicom.pixels import decode_frame
from archive.errors import PixelDecodingError
from inference.errors import UnsupportedInputError
from inference.pipelines.planes import Plane, read_planes
from inference.pipelines.types import Volume

MAX_VOXELS = 2**30
# Slice distances are written with limited precision and measured by hand of the table.
_GAP_TOLERANCE = 0.1
_LEAST_TOLERANCE_MM = 0.5
_ORIENTATION_TOLERANCE = 1e-3
_SAME_POSITION_MM = 1e-3
# By what images at one place may differ, and what such images are to people.
_PHASES = (
    ("TemporalPositionIdentifier", "time points"),
    ("EchoTime", "echoes"),
    ("DiffusionBValue", "diffusion weightings"),
    ("ImageType", "kinds of image"),
    ("AcquisitionNumber", "acquisitions"),
    ("AcquisitionTime", "acquisitions"),
)


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
    planes = _sorted_planes(read_planes(datasets))
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
    ):
        if len({str(ds.get(keyword)) for ds in datasets}) > 1:
            raise UnsupportedInputError(f"The images are mixed: {what}.")
    sizes = Counter(f"{ds.get('Columns')} x {ds.get('Rows')}" for ds in datasets)
    if len(sizes) > 1:
        counted = ", ".join(f"{count} of {size}" for size, count in sizes.most_common(4))
        raise UnsupportedInputError(f"The images are mixed: images of several sizes ({counted}).")
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


def _sorted_planes(planes: list[Plane]) -> list[Plane]:
    first = planes[0]
    for plane in planes[1:]:
        turned = np.abs(plane.orientation - first.orientation).max() > _ORIENTATION_TOLERANCE
        if turned or not np.allclose(plane.spacing, first.spacing, rtol=1e-4):
            raise UnsupportedInputError(
                "The images are mixed: several orientations or pixel spacings."
            )
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    return sorted(planes, key=lambda plane: float(plane.position @ normal))


def _slice_step(planes: list[Plane]) -> npt.NDArray[np.float64]:
    """Return the vector from one slice to the next, in mm."""
    first = planes[0]
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    if len(planes) == 1:
        if not first.thickness:
            raise UnsupportedInputError("A single image without slice thickness has no volume.")
        return normal * first.thickness
    positions = np.stack([plane.position for plane in planes])
    gaps = np.diff(positions @ normal)
    _check_gaps(planes, gaps)
    step = (positions[-1] - positions[0]) / (len(planes) - 1)
    expected = positions[0] + np.arange(len(planes))[:, np.newaxis] * step
    tolerance = max(_LEAST_TOLERANCE_MM, _GAP_TOLERANCE * float(np.median(gaps)))
    if np.abs(positions - expected).max() > tolerance:
        raise UnsupportedInputError("The slices don't lie along one straight line.")
    return np.asarray(step, dtype=np.float64)


def _check_gaps(planes: list[Plane], gaps: npt.NDArray[np.float64]) -> None:
    """Refuse slices at one place, missing ones, and those at uneven distances."""
    if gaps.min() < _SAME_POSITION_MM:
        raise UnsupportedInputError(_same_place(planes, int(gaps.argmin())))
    typical = float(np.median(gaps))
    if np.abs(gaps - typical).max() <= _GAP_TOLERANCE * typical:
        return
    steps = np.rint(gaps / typical)
    if steps.min() >= 1 and np.abs(gaps - steps * typical).max() <= _GAP_TOLERANCE * typical:
        missing = int((steps - 1).sum())
        raise UnsupportedInputError(
            f"{missing} of {int(steps.sum()) + 1} slices are missing: the slices are not evenly"
            f" spaced, with gaps of up to {gaps.max():.2f} mm; else {typical:.2f} mm."
        )
    raise UnsupportedInputError(
        f"The slices are not evenly spaced: gaps from {gaps.min():.2f} to {gaps.max():.2f} mm."
    )


def _same_place(planes: list[Plane], index: int) -> str:
    one, other = planes[index].dataset, planes[index + 1].dataset
    words = "several phases, echoes or copies"
    for keyword, phases in _PHASES:
        if one is not other and str(one.get(keyword)) != str(other.get(keyword)):
            words = f"several {phases}"
            break
    return f"Two images lie at the same place: {words} in one series."


def _stack(planes: list[Plane]) -> npt.NDArray[np.float32]:
    first = planes[0].dataset
    shape = (len(planes), int(first.Rows), int(first.Columns))
    volume = np.empty(shape, dtype=np.float32)
    for index, plane in enumerate(planes):
        frame = _decoded(plane)
        if frame.shape != shape[1:]:
            raise UnsupportedInputError("An image's pixels don't match its rows and columns.")
        volume[index] = frame.astype(np.float32) * plane.slope + plane.intercept
    return volume


def _decoded(plane: Plane) -> npt.NDArray[np.generic]:
    try:
        return decode_frame(plane.dataset, plane.frame_index)
    except PixelDecodingError as error:
        raise UnsupportedInputError("An image's pixels can't be decoded.") from error
