"""Segmentations and maps as small planes over the frames that they were drawn on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from archive.dicom.display_colours import segment_colour
from archive.dicom.functional_groups import frame_module
from archive.dicom.pixels import decode_frame
from archive.errors import LimitExceededError, NotAcceptableError

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
OVERLAY_CLASSES = frozenset({SEGMENTATION, LABEL_MAP, PARAMETRIC_MAP})
MAX_FRAMES = 20_000
MAX_BYTES = 64 * 1024 * 1024
_MAX_SEGMENTS = 500

# SOP Instance UID and frame from 1.
FrameKey = tuple[str, int]
# What a frame says of its source, and where it lies: to the frame that it is drawn on.
Locate = Callable[[FrameKey | None, tuple[float, ...]], FrameKey | None]


@dataclass(frozen=True)
class OverlaySegment:
    """One structure; the colour is red, green and blue, 0 to 255."""

    number: int
    label: str
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class OverlayPlane:
    """A part of one frame: one bit a pixel (first pixel lowest), or one byte.

    ``x``, ``y``, ``width`` and ``height`` are pixels of the frame; rows of bits are not padded.
    """

    key: FrameKey
    segment: int
    x: int
    y: int
    width: int
    height: int
    content: bytes


def overlay_segments(ds: Dataset) -> list[OverlaySegment]:
    """Tell what an overlay shows.

    Parameters
    ----------
    ds : a segmentation, label map or parametric map

    Returns
    -------
    its segments in the order of their numbers; of a parametric map one

    References
    ----------
    DICOM PS3.3 C.7.6.16.2.11, C.8.20.4, C.8.32.2
    """
    if str(ds.get("SOPClassUID", "")) == PARAMETRIC_MAP:
        return [OverlaySegment(1, _map_label(ds)[:64], (255, 120, 30))]
    found = []
    for at, item in enumerate((ds.get("SegmentSequence") or [])[:_MAX_SEGMENTS]):
        number = int(item.get("SegmentNumber", None) or 0)
        label = str(item.get("SegmentLabel") or item.get("SegmentDescription") or number)
        if number or str(ds.get("SOPClassUID", "")) != LABEL_MAP:
            colour = segment_colour(item.get("RecommendedDisplayCIELabValue"), at)
            found.append(OverlaySegment(number, label[:64], colour))
    return sorted(found, key=lambda one: one.number)


def _map_label(ds: Dataset) -> str:
    """Return what the values of a map mean; its description, which may begin with notices, else."""
    mapping = frame_module(ds, "RealWorldValueMappingSequence", 0)
    names = (mapping.get("LUTExplanation"), ds.get("ContentDescription"), ds.get("ContentLabel"))
    return next((str(name) for name in names if name), "Map")


def overlay_bits(ds: Dataset) -> int:
    """Tell whether planes hold one bit a pixel or one byte."""
    is_map = str(ds.get("SOPClassUID", "")) == PARAMETRIC_MAP
    return 8 if is_map or str(ds.get("SegmentationType", "")) == "FRACTIONAL" else 1


def overlay_planes(ds: Dataset, locate: Locate) -> Iterator[OverlayPlane]:
    """Cut an overlay into planes, each as small as what it shows.

    Parameters
    ----------
    ds : with its pixel data
    locate : finds the frame that a frame of the overlay is drawn on, None where there is none

    Yields
    ------
    planes in the order of the overlay's frames; what lies on no frame is left out

    Raises
    ------
    LimitExceededError
        It has more frames, or shows more, than a page can hold.
    NotAcceptableError
        It is not built as the standard says.
    PixelDecodingError
        A frame can't be decoded.

    References
    ----------
    DICOM PS3.3 C.7.6.16.2.6, C.8.20.3.1
    """
    frames = int(ds.get("NumberOfFrames", None) or 1)
    if frames > MAX_FRAMES:
        raise LimitExceededError(f"An overlay of more than {MAX_FRAMES} frames is not drawn.")
    low, high = _range(ds, frames)
    written = 0
    for index in range(frames):
        key = locate(_source_of(ds, index), _position_of(ds, index))
        if key is None:
            continue
        for segment, values in _layers(ds, index, low, high):
            plane = _plane(key, segment, values, overlay_bits(ds))
            if plane is None:
                continue
            written += len(plane.content)
            if written > MAX_BYTES:
                raise LimitExceededError("The overlay shows more than a page can hold.")
            yield plane


def _layers(
    ds: Dataset, index: int, low: float, high: float
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Give what a frame shows: of each segment in it 0 to 255, of bits 0 and 1."""
    frame = decode_frame(ds, index)
    if frame.ndim != 2:
        raise NotAcceptableError("An overlay in colour is not drawn.", code="not-renderable")
    kind = str(ds.get("SOPClassUID", ""))
    if kind == LABEL_MAP:
        for number in np.unique(frame):
            if number:
                yield int(number), (frame == number).astype(np.uint8)
        return
    if kind == PARAMETRIC_MAP:
        values = frame.astype(np.float32)
        shown = np.nan_to_num((values - low) / max(high - low, 1e-12), nan=0.0, posinf=1.0)
        yield 1, (np.clip(shown, 0, 1) * 255).astype(np.uint8)
        return
    identified = frame_module(ds, "SegmentIdentificationSequence", index)
    number = int(identified.get("ReferencedSegmentNumber", None) or 1)
    if overlay_bits(ds) == 8:
        most = float(ds.get("MaximumFractionalValue", None) or 255)
        yield number, np.clip(frame.astype(np.float32) * (255 / most), 0, 255).astype(np.uint8)
    else:
        yield number, np.asarray(frame != 0, dtype=np.uint8)


def _range(ds: Dataset, frames: int) -> tuple[float, float]:
    """Return what of a map's values is the coldest and the hottest: stated, else as found."""
    if str(ds.get("SOPClassUID", "")) != PARAMETRIC_MAP:
        return 0.0, 1.0
    module = frame_module(ds, "FrameVOILUTSequence", 0)
    try:
        center, width = float(module.get("WindowCenter")), float(module.get("WindowWidth"))
        if width > 0:
            return center - width / 2, center + width / 2
    except (TypeError, ValueError):
        pass
    low, high = np.inf, -np.inf
    for index in range(frames):
        values = decode_frame(ds, index)
        found = values[np.isfinite(values)]
        if found.size:
            low, high = min(low, float(found.min())), max(high, float(found.max()))
    return (low, high) if low < high else (0.0, 1.0)


def _plane(
    key: FrameKey, segment: int, values: npt.NDArray[np.uint8], bits: int
) -> OverlayPlane | None:
    rows = np.flatnonzero(values.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(values.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = values[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    content = np.packbits(part, bitorder="little") if bits == 1 else np.ascontiguousarray(part)
    height, width = part.shape
    return OverlayPlane(key, segment, left, top, width, height, content.tobytes())


def _source_of(ds: Dataset, index: int) -> FrameKey | None:
    """Return the one image that a frame says it was made from; of several, none."""
    derived = frame_module(ds, "DerivationImageSequence", index)
    sources = [] if derived is ds else derived.get("SourceImageSequence") or []
    if len(sources) != 1:
        return None
    number = sources[0].get("ReferencedFrameNumber", None)
    try:
        frame = int(number if not hasattr(number, "__len__") else number[0]) if number else 1
    except (TypeError, ValueError):
        return None
    return str(sources[0].get("ReferencedSOPInstanceUID", "")), frame


def _position_of(ds: Dataset, index: int) -> tuple[float, ...]:
    """Return where a frame begins in the patient; empty where it doesn't say."""
    module = frame_module(ds, "PlanePositionSequence", index)
    try:
        position = tuple(float(value) for value in module.get("ImagePositionPatient") or ())
    except (TypeError, ValueError):
        return ()
    return position if len(position) == 3 and np.isfinite(position).all() else ()
