"""Where the frames of a series lie as one regular stack, or why they are none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from archive.dicom.functional_groups import frame_module
from archive.dicom.geometry import affine_lps, slice_normal
from archive.dicom.windowing import rescale_of
from archive.errors import NotAcceptableError

_TURN_TOLERANCE = 1e-3
# Share of the typical gap, and at least so many mm: positions are written as text.
_GAP_TOLERANCE, _LEAST_TOLERANCE_MM = 0.1, 0.5


@dataclass(frozen=True)
class FramePlace:
    """One frame: of which data set, which frame from 0, where it lies, how it is scaled."""

    dataset: int
    frame: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    thickness: float
    slope: float
    intercept: float


@dataclass(frozen=True)
class Stack:
    """Frames in their order along the third axis, and the axes.

    Attributes
    ----------
    places : the frames, in order
    affine_lps : (4, 4) from (column, row, slice, 1) to LPS mm
    """

    places: tuple[FramePlace, ...]
    affine_lps: npt.NDArray[np.float64]

    @property
    def rescale(self) -> tuple[float, float] | None:
        """Slope and intercept where they are the same in all frames."""
        found = {(place.slope, place.intercept) for place in self.places}
        return found.pop() if len(found) == 1 else None


def places_of(datasets: Sequence[Dataset]) -> list[FramePlace]:
    """Say where every frame of a series lies, in the order of its images.

    Parameters
    ----------
    datasets : headers of its images

    Returns
    -------
    list of FramePlace

    Raises
    ------
    NotAcceptableError
        Of a frame nothing says where it lies.
    """
    return [place for at, ds in enumerate(datasets) for place in _places(ds, at)]


def stack_of(datasets: Sequence[Dataset], *, skips_repeated: bool = False) -> Stack:
    """Put the frames of a series in order as one volume.

    Parameters
    ----------
    datasets : headers of its images
    skips_repeated : of frames at the same place (phases, echoes) the first counts alone

    Returns
    -------
    Stack

    Raises
    ------
    NotAcceptableError
        They are no single regular stack; the message says why.

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1, C.7.6.16.2
    """
    places = places_of(datasets)
    if skips_repeated:
        seen = {tuple(round(part, 2) for part in place.position): place for place in places[::-1]}
        places = list(seen.values())
    if not places:
        raise _refused("it holds no images")
    first = places[0]
    normal = slice_normal(first.orientation)
    for place in places:
        is_turned = np.abs(np.subtract(place.orientation, first.orientation)).max()
        if is_turned > _TURN_TOLERANCE or not np.allclose(place.spacing, first.spacing, rtol=1e-4):
            raise _refused("its images have several orientations or pixel sizes")
    ordered = sorted(places, key=lambda place: float(np.dot(normal, place.position)))
    positions = np.array([place.position for place in ordered])
    _check_gaps(positions, normal)
    affine = affine_lps(
        orientation=first.orientation,
        positions=[list(place.position) for place in ordered],
        pixel_spacing=first.spacing,
        slice_thickness=first.thickness or 1.0,
    )
    return Stack(tuple(ordered), affine)


def _check_gaps(positions: npt.NDArray[np.float64], normal: npt.NDArray[np.float64]) -> None:
    if len(positions) < 2:
        return
    gaps = np.diff(positions @ normal)
    typical = float(np.median(gaps))
    tolerance = max(_LEAST_TOLERANCE_MM, _GAP_TOLERANCE * typical)
    if typical < 1e-3 or gaps.min() < 1e-3:
        raise _refused("several of its images lie at the same place")
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    expected = positions[0] + np.arange(len(positions))[:, np.newaxis] * step
    if np.abs(gaps - typical).max() > tolerance or np.abs(positions - expected).max() > tolerance:
        raise _refused("its slices are not evenly spaced along one line")


def _places(ds: Dataset, at: int) -> list[FramePlace]:
    frames = int(ds.get("NumberOfFrames", None) or 1)
    if frames > 1 and len(ds.get("PerFrameFunctionalGroupsSequence") or []) != frames:
        raise _refused("the frames of a multi-frame image have no positions")
    return [_place(ds, at, frame) for frame in range(frames)]


def _place(ds: Dataset, at: int, frame: int) -> FramePlace:
    measures = frame_module(ds, "PixelMeasuresSequence", frame)
    position = frame_module(ds, "PlanePositionSequence", frame)
    orientation = frame_module(ds, "PlaneOrientationSequence", frame)
    transformed = frame_module(ds, "PixelValueTransformationSequence", frame)
    slope, intercept = (
        rescale_of(ds, frame)
        if transformed is ds
        else (_one(transformed, "RescaleSlope") or 1.0, _one(transformed, "RescaleIntercept") or 0)
    )
    thickness = _one(measures, "SpacingBetweenSlices") or _one(measures, "SliceThickness")
    return FramePlace(
        dataset=at,
        frame=frame,
        position=_numbers(position, "ImagePositionPatient", 3),
        orientation=_numbers(orientation, "ImageOrientationPatient", 6),
        spacing=_numbers(measures, "PixelSpacing", 2),
        thickness=abs(thickness or 0.0),
        slope=slope,
        intercept=intercept,
    )


def _numbers(ds: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in ds.get(keyword) or ())
    except (TypeError, ValueError):
        values = ()
    if len(values) != count or not np.isfinite(values).all():
        raise _refused("its images don't say where they lie in the patient")
    return values


def _one(ds: Dataset, keyword: str) -> float | None:
    try:
        value = float(ds.get(keyword, None) or 0.0)
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _refused(why: str) -> NotAcceptableError:
    return NotAcceptableError(f"The series is no volume: {why}.", code="no-volume")
