"""From stored values to modality values, and from those to what a display shows."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from archive.dicom.functional_groups import frame_module
from archive.dicom.lookup_tables import LookupTable, read_lookup_table
from archive.errors import InvalidWindowError

Samples = npt.NDArray[np.generic]
Values = npt.NDArray[np.float32]
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_SOFT_TISSUE = (40.0, 400.0)
_LOW_PERCENTILE, _HIGH_PERCENTILE = 0.5, 99.5
_SAMPLED_VALUES = 65536


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window in modality units (HU for CT)."""

    center: float
    width: float
    function: str = "LINEAR"

    def __post_init__(self) -> None:
        """Refuse widths that the standard forbids and functions that it does not know."""
        least = 1 if self.function == "LINEAR" else 0
        is_wide_enough = self.width >= 1 if least else self.width > 0
        if not (math.isfinite(self.center) and math.isfinite(self.width) and is_wide_enough):
            raise InvalidWindowError(
                "A window needs a width of at least 1."
                if least
                else "A window needs a width above 0."
            )
        if self.function not in FUNCTIONS:
            raise InvalidWindowError(f"A window's function is one of {', '.join(FUNCTIONS)}.")


def apply_modality(frame: Samples, ds: Dataset, frame_index: int = 0) -> Values:
    """Turn stored values into modality values by Modality LUT Sequence or rescale.

    Parameters
    ----------
    frame : (rows, columns) stored values
    ds : the instance the frame is from
    frame_index : from 0, for the functional groups of multi-frame objects

    Returns
    -------
    (rows, columns) float32, HU for CT; the stored values where nothing is to be applied

    References
    ----------
    DICOM PS3.3 C.11.1, C.7.6.16.2.9
    """
    table = _modality_table(ds)
    if table is not None:
        return table.apply(frame)
    return apply_rescale(frame, *rescale_of(ds, frame_index))


def apply_rescale(frame: npt.NDArray[np.generic], slope: float, intercept: float) -> Values:
    """Return modality values by a line.

    Parameters
    ----------
    frame : stored values
    slope, intercept : of the line

    Returns
    -------
    float32 of the same shape
    """
    values = frame.astype(np.float32)
    if slope != 1:
        values *= np.float32(slope)
    if intercept != 0:
        values += np.float32(intercept)
    return values


def apply_voi(
    values: Values, ds: Dataset, *, window: Window | None = None, frame_index: int = 0
) -> npt.NDArray[np.uint8]:
    """Map modality values to 8-bit display values, before any inversion.

    Parameters
    ----------
    values : (rows, columns) float32, modality values
    ds : the instance they are from
    window : asked for instead of what the instance states
    frame_index : from 0, for the functional groups of multi-frame objects

    Returns
    -------
    (rows, columns) uint8: by the window asked for, else VOI LUT Sequence, else the stored
    window, else one that suits the values.

    References
    ----------
    DICOM PS3.3 C.11.2
    """
    if window is None:
        table = _voi_table(ds)
        if table is not None:
            shown = table.apply(values)
            shown *= np.float32(255 / ((1 << table.bits) - 1))
            display: npt.NDArray[np.uint8] = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
            return display
        window = stored_window(ds, frame_index) or automatic_window(values, ds)
    return apply_window(values, window)


def apply_window(values: Values, window: Window) -> npt.NDArray[np.uint8]:
    """Map modality values through a window to 0 (below) to 255 (above).

    Parameters
    ----------
    values : (rows, columns) float32, modality values
    window : in the same unit

    Returns
    -------
    (rows, columns) uint8, 0 = darkest

    References
    ----------
    DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3
    """
    center, width = np.float32(window.center), np.float32(window.width)
    if window.function == "SIGMOID":
        with np.errstate(over="ignore"):
            shown = np.float32(255) / (1 + np.exp(-4 * (values - center) / width))
    elif window.function == "LINEAR_EXACT":
        shown = (values - center) * (np.float32(255) / width) + np.float32(127.5)
    elif width <= 1:
        shown = np.where(values > center - np.float32(0.5), np.float32(255), np.float32(0))
    else:
        scale = np.float32(255) / (width - 1)
        shown = (values - (center - np.float32(0.5))) * scale + np.float32(127.5)
    np.rint(shown, out=shown)
    np.clip(shown, 0, 255, out=shown)
    np.nan_to_num(shown, copy=False)
    picture: npt.NDArray[np.uint8] = shown.astype(np.uint8)
    return picture


def rescale_of(ds: Dataset, frame_index: int = 0) -> tuple[float, float]:
    """Return Rescale Slope and Intercept of a frame, (1, 0) where there are none.

    Parameters
    ----------
    ds : the instance
    frame_index : from 0

    Returns
    -------
    (slope, intercept); a slope of 0, which would flatten the image, counts as 1
    """
    module = frame_module(ds, "PixelValueTransformationSequence", frame_index)
    slope = _number(module.get("RescaleSlope"))
    intercept = _number(module.get("RescaleIntercept"))
    return slope or 1.0, intercept or 0.0


def stored_window(ds: Dataset, frame_index: int = 0) -> Window | None:
    """Return the first window that an instance states for a frame.

    Parameters
    ----------
    ds : the instance
    frame_index : from 0

    Returns
    -------
    The window, or None if there is none that the standard allows
    """
    module = frame_module(ds, "FrameVOILUTSequence", frame_index)
    center = _number(module.get("WindowCenter"))
    width = _number(module.get("WindowWidth"))
    if center is None or width is None:
        return None
    function = str(module.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in FUNCTIONS:
        function = "LINEAR"
    if function == "LINEAR" and (width < 1 or "PixelData" not in ds):
        # LINEAR counts whole grey levels; on fractions its letter would leave black and white.
        function = "LINEAR_EXACT"
    try:
        return Window(center, width, function)
    except InvalidWindowError:
        return None


def automatic_window(values: Values, ds: Dataset) -> Window:
    """Choose a window for an image that states none.

    Parameters
    ----------
    values : (rows, columns) float32, modality values
    ds : the instance they are from

    Returns
    -------
    Soft tissue for CT in HU; the whole range for 8-bit images that use it; else the range
    between low and high percentiles, pixel padding left out
    """
    sample = _sample(values, ds)
    if sample.size == 0:
        return Window(0.5, 1, "LINEAR_EXACT")
    low, high = (float(v) for v in np.percentile(sample, (_LOW_PERCENTILE, _HIGH_PERCENTILE)))
    bits = ds.get("BitsStored")
    if _is_hounsfield(ds):
        center, width = _SOFT_TISSUE
        if high > center - width / 2 and low < center + width / 2:
            return Window(center, width)
    elif bits == 1 or ds.get("Modality") == "SEG":
        low, high = 0.0, max(float(sample.max()), 1.0)
    elif bits == 8 and ds.get("PixelRepresentation") != 1 and high > 100:
        low, high = 0.0, 255.0
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return Window((low + high) / 2, high - low, "LINEAR_EXACT")


def is_inverted(ds: Dataset) -> bool:
    """Say whether low values are shown bright (MONOCHROME1 or an inverse presentation)."""
    shape = str(ds.get("PresentationLUTShape") or "").strip().upper()
    if shape in {"INVERSE", "IDENTITY"}:
        return shape == "INVERSE"
    return str(ds.get("PhotometricInterpretation") or "").strip() == "MONOCHROME1"


def _is_hounsfield(ds: Dataset) -> bool:
    kind = str(ds.get("RescaleType") or "HU").strip().upper()
    return ds.get("Modality") == "CT" and kind == "HU" and "PixelData" in ds


def _sample(values: Values, ds: Dataset) -> Values:
    """Take enough finite values, without padding, to tell the range."""
    step = max(values.size // _SAMPLED_VALUES, 1)
    sample = values.ravel()[::step]
    sample = sample[np.isfinite(sample)]
    padding = _number(ds.get("PixelPaddingValue"))
    if padding is not None:
        slope, intercept = rescale_of(ds)
        limit = _number(ds.get("PixelPaddingRangeLimit"))
        ends = sorted((padding, padding if limit is None else limit))
        bounds = sorted(end * slope + intercept for end in ends)
        kept = sample[(sample < bounds[0]) | (sample > bounds[1])]
        sample = kept if kept.size else sample
    return sample


def _modality_table(ds: Dataset) -> LookupTable | None:
    items = ds.get("ModalityLUTSequence")
    if not items:
        return None
    is_signed = ds.get("PixelRepresentation") == 1
    return read_lookup_table(items[0], is_signed=is_signed, is_little=_is_little(ds))


def _voi_table(ds: Dataset) -> LookupTable | None:
    items = ds.get("VOILUTSequence")
    if not items:
        return None
    # Values that enter are modality values: signed if pixels are, or if a rescale can make them so.
    is_signed = ds.get("PixelRepresentation") == 1 or rescale_of(ds)[1] < 0
    return read_lookup_table(items[0], is_signed=is_signed, is_little=_is_little(ds))


def _is_little(ds: Dataset) -> bool:
    return ds.original_encoding[1] is not False


def _number(value: Any) -> float | None:
    if isinstance(value, MultiValue | list | tuple):
        value = value[0] if len(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
