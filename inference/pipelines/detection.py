"""Small round things in a volume: heat maps slice by slice, their peaks as detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.networks.nets.unet import UNet
from scipy import ndimage

from inference.errors import BundleInvalidError, UnsupportedInputError
from inference.pipelines.types import Volume

PIXEL_MM = 1.4
# Slices of about this thickness are what the network sees; thinner ones are averaged.
SLICE_MM = 4.5
_AIR_HU, _RANGE_HU = -1000.0, 1400.0
# The network says ln(radius / this).
RADIUS_UNIT_MM = 8.0
# What the network says of a pixel starts here: nearly all of them are in no nodule.
LOGIT_OFFSET = -4.0
_BATCH_SLICES = 8
_PEAK_MM = 7.0
_MOST_PEAKS = 200
_AXIAL = 0.8


@dataclass(frozen=True)
class Detection:
    """One thing found.

    Attributes
    ----------
    score : 0 to 1
    centre_zyx : slice, row and column in the volume, counted from 0, fractions allowed
    centre_mm : the same place in the patient (LPS)
    radius_mm : of the ball it about fills
    half_mm : half the sides of its box along x, y and z in the patient; the ball's where absent
    label : number of its class, where the model knows several
    """

    score: float
    centre_zyx: tuple[float, float, float]
    centre_mm: tuple[float, float, float]
    radius_mm: float
    half_mm: tuple[float, float, float] | None = None
    label: int | None = None


@dataclass(frozen=True, eq=False)
class DetectionResult:
    """What was found, and the heat map that it was found on.

    Attributes
    ----------
    detections : best first
    heat_zyx : (slices, rows, columns) float32 from 0 to 1 on the volume's grid; None where the
        model makes none
    device : ``cuda`` or ``cpu``
    """

    detections: tuple[Detection, ...]
    heat_zyx: npt.NDArray[np.float32] | None
    device: str = "cpu"


def make_network() -> UNet:
    """Return the detector's network with random weights.

    Returns
    -------
    UNet in two dimensions: a slice and its neighbours in, heat and size out
    """
    return UNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=2,
        channels=(16, 32, 48, 64),
        strides=(2, 2, 2),
        num_res_units=1,
        norm="batch",
    )


def load_network(state: dict[str, Any]) -> UNet:
    """Return the detector's network with weights.

    Parameters
    ----------
    state : of `make_network`, in half or full precision

    Returns
    -------
    UNet in evaluation mode

    Raises
    ------
    BundleInvalidError
        The weights are of another network.
    """
    network = make_network()
    try:
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except (AttributeError, RuntimeError) as error:
        raise BundleInvalidError("The weights are of another network.") from error
    return network.eval()


def detect(
    network: UNet, volume: Volume, *, threshold: float, device: str = "cpu"
) -> DetectionResult:
    """Find what the network was trained to find.

    Parameters
    ----------
    network : from `load_network`
    volume : CT of axial slices
    threshold : detections of a lower score are left out
    device : ``cuda`` or ``cpu``

    Returns
    -------
    DetectionResult

    Raises
    ------
    UnsupportedInputError
        The volume is no CT, or its slices are not axial.
    """
    affine = volume.affine_lps
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    if volume.modality != "CT" or abs(normal[2]) < _AXIAL * float(np.linalg.norm(normal)):
        raise UnsupportedInputError("The detector was trained on axial slices of CT.")
    grid = to_network_grid(volume.array_zyx, volume.spacing_mm_zyx)
    heat, size = infer(network, grid.slices_zyx, device)
    found = find_peaks(heat, size, grid.spacing_mm_zyx, threshold=threshold)
    return DetectionResult(
        detections=tuple(_placed(one, grid, volume) for one in found),
        heat_zyx=_to_volume_grid(heat, grid, volume.array_zyx.shape),
        device=device,
    )


@dataclass(frozen=True, eq=False)
class NetworkGrid:
    """A volume as the network sees it.

    Attributes
    ----------
    slices_zyx : float32, 0 to 1
    spacing_mm_zyx : of these
    slices_a_slab : how many of the volume's slices were averaged into one
    """

    slices_zyx: npt.NDArray[np.float32]
    spacing_mm_zyx: tuple[float, float, float]
    slices_a_slab: int


def to_network_grid(
    volume_zyx: npt.NDArray[np.float32], spacing_mm_zyx: Sequence[float]
) -> NetworkGrid:
    """Resample HU to pixels of 1.4 mm and slices of at least about 4.5 mm, scaled to 0 to 1.

    Parameters
    ----------
    volume_zyx : (slices, rows, columns) HU
    spacing_mm_zyx : its spacing

    Returns
    -------
    NetworkGrid
    """
    slab = max(1, round(SLICE_MM / spacing_mm_zyx[0]))
    count = max(1, len(volume_zyx) // slab)
    rows = max(16, round(volume_zyx.shape[1] * spacing_mm_zyx[1] / PIXEL_MM))
    columns = max(16, round(volume_zyx.shape[2] * spacing_mm_zyx[2] / PIXEL_MM))
    made = np.empty((count, rows, columns), dtype=np.float32)
    for index in range(count):
        thick = volume_zyx[index * slab : (index + 1) * slab].mean(axis=0)[None, None]
        scaled = torch.nn.functional.interpolate(
            torch.from_numpy(np.clip((thick - _AIR_HU) / _RANGE_HU, 0.0, 1.0)),
            size=(rows, columns),
            mode="bilinear",
            antialias=True,
        )
        made[index] = scaled[0, 0].numpy()
    spacing = (
        spacing_mm_zyx[0] * slab,
        volume_zyx.shape[1] * spacing_mm_zyx[1] / rows,
        volume_zyx.shape[2] * spacing_mm_zyx[2] / columns,
    )
    return NetworkGrid(made, spacing, slab)


def with_neighbours(slices_zyx: npt.NDArray[np.float32], index: int) -> npt.NDArray[np.float32]:
    """Return a slice between the one below and the one above, repeated at the ends.

    Parameters
    ----------
    slices_zyx : (slices, rows, columns)
    index : of the slice in the middle

    Returns
    -------
    (3, rows, columns)
    """
    wanted = np.clip([index - 1, index, index + 1], 0, len(slices_zyx) - 1)
    return np.asarray(slices_zyx[wanted], dtype=np.float32)


def infer(
    network: UNet, slices_zyx: npt.NDArray[np.float32], device: str = "cpu"
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Run the network over all slices.

    Parameters
    ----------
    network : in evaluation mode
    slices_zyx : as `to_network_grid` makes them
    device : ``cuda`` or ``cpu``

    Returns
    -------
    heat from 0 to 1 and radius in mm, each (slices, rows, columns)
    """
    count, rows, columns = slices_zyx.shape
    heat, size = np.empty_like(slices_zyx), np.empty_like(slices_zyx)
    padding = (0, -columns % 8, 0, -rows % 8)
    network.to(device)
    with torch.inference_mode():
        for start in range(0, count, _BATCH_SLICES):
            stop = min(start + _BATCH_SLICES, count)
            stack = np.stack([with_neighbours(slices_zyx, at) for at in range(start, stop)])
            given = torch.nn.functional.pad(torch.from_numpy(stack), padding).to(device)
            out = network(given)[:, :, :rows, :columns].float().cpu()
            heat[start:stop] = torch.sigmoid(out[:, 0] + LOGIT_OFFSET).numpy()
            size[start:stop] = (out[:, 1].clamp(-2, 2).exp() * RADIUS_UNIT_MM).numpy()
    return heat, size


@dataclass(frozen=True)
class Peak:
    """A peak of a heat map: its height, its place on the map's grid, the radius there."""

    score: float
    at_zyx: tuple[float, float, float]
    radius_mm: float


def find_peaks(
    heat_zyx: npt.NDArray[np.float32],
    radius_zyx: npt.NDArray[np.float32],
    spacing_mm_zyx: tuple[float, float, float],
    *,
    threshold: float,
) -> list[Peak]:
    """Return the peaks of a heat map, best first, without those inside a better one.

    Parameters
    ----------
    heat_zyx : 0 to 1
    radius_zyx : mm
    spacing_mm_zyx : of both
    threshold : lower peaks are left out

    Returns
    -------
    peaks, placed between the pixels by the weight of the heat around them
    """
    spacing = np.asarray(spacing_mm_zyx)
    reach = np.maximum(1, np.round(_PEAK_MM / spacing)).astype(int)
    highest = ndimage.maximum_filter(heat_zyx, size=tuple(2 * reach + 1))
    places = np.argwhere((heat_zyx == highest) & (heat_zyx >= threshold))
    order = np.argsort([-heat_zyx[tuple(place)] for place in places], kind="stable")[:_MOST_PEAKS]
    kept: list[Peak] = []
    for place in places[order]:
        peak = Peak(
            score=float(heat_zyx[tuple(place)]),
            at_zyx=_weighted(heat_zyx, place, reach),
            radius_mm=float(radius_zyx[tuple(place)]),
        )
        distances = [
            float(np.linalg.norm((np.subtract(peak.at_zyx, other.at_zyx)) * spacing))
            for other in kept
        ]
        if all(
            d > max(other.radius_mm, _PEAK_MM) for d, other in zip(distances, kept, strict=True)
        ):
            kept.append(peak)
    return kept


def _weighted(
    heat_zyx: npt.NDArray[np.float32], place: npt.NDArray[np.int_], reach: npt.NDArray[np.int_]
) -> tuple[float, float, float]:
    """Return the middle of the heat around a place."""
    low = np.maximum(place - reach, 0)
    high = np.minimum(place + reach + 1, heat_zyx.shape)
    around = heat_zyx[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float64)
    around = np.where(around >= 0.5 * heat_zyx[tuple(place)], around, 0.0)
    z, y, x = (float(value) for value in low + np.array(ndimage.center_of_mass(around)))
    return z, y, x


def _placed(peak: Peak, grid: NetworkGrid, volume: Volume) -> Detection:
    scale = np.asarray(grid.spacing_mm_zyx) / np.asarray(volume.spacing_mm_zyx)
    z, y, x = (float(v) for v in (np.asarray(peak.at_zyx) + 0.5) * scale - 0.5)
    mm = volume.affine_lps @ np.array([x, y, z, 1.0])
    return Detection(
        score=min(1.0, peak.score),
        centre_zyx=(z, y, x),
        centre_mm=(float(mm[0]), float(mm[1]), float(mm[2])),
        radius_mm=peak.radius_mm,
    )


def _to_volume_grid(
    heat_zyx: npt.NDArray[np.float32], grid: NetworkGrid, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    made = np.empty(shape, dtype=np.float32)
    for index in range(shape[0]):
        plane = heat_zyx[min(index // grid.slices_a_slab, len(heat_zyx) - 1)]
        made[index] = torch.nn.functional.interpolate(
            torch.from_numpy(plane)[None, None], size=shape[1:], mode="bilinear"
        )[0, 0].numpy()
    return made
