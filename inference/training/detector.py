"""Train the heat-map detector on volumes whose nodules are known."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from monai.networks.nets.unet import UNet

from inference.pipelines.detection import (
    LOGIT_OFFSET,
    RADIUS_UNIT_MM,
    make_network,
    to_network_grid,
    with_neighbours,
)

logger = logging.getLogger(__name__)

CROP = 96
_SHARPNESS = 2.2
_LEAST_SIGMA_MM = 2.2


@dataclass(frozen=True)
class Place:
    """Where something lies: mm from the middle of the first voxel, and its radius."""

    centre_mm_zyx: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True, eq=False)
class LabelledVolume:
    """A volume on the network's grid, with the truth about it."""

    slices_zyx: npt.NDArray[np.float32]
    spacing_mm_zyx: tuple[float, float, float]
    places: tuple[Place, ...]


def label_volume(
    volume_zyx: npt.NDArray[np.float32],
    spacing_mm_zyx: tuple[float, float, float],
    places: Sequence[Place],
) -> LabelledVolume:
    """Bring a volume and the truth about it onto the network's grid.

    Parameters
    ----------
    volume_zyx
        HU
    spacing_mm_zyx
        its spacing
    places
        mm from the middle of the volume's first voxel
    """
    grid = to_network_grid(volume_zyx, spacing_mm_zyx)
    # The corner of the first voxel stays where it is, its middle moves.
    shift = (np.asarray(spacing_mm_zyx) - np.asarray(grid.spacing_mm_zyx)) / 2
    moved = []
    for place in places:
        z, y, x = (float(value) for value in np.asarray(place.centre_mm_zyx) + shift)
        moved.append(Place((z, y, x), place.radius_mm))
    return LabelledVolume(grid.slices_zyx, grid.spacing_mm_zyx, tuple(moved))


@dataclass(frozen=True)
class DetectorRecipe:
    """How long, how fast, how much at once."""

    steps: int = 1200
    batch: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    seed: int = 20260101


def train_detector(
    volumes: Sequence[LabelledVolume],
    recipe: DetectorRecipe,
    *,
    on_progress: Callable[[int, float], None] | None = None,
) -> UNet:
    """Train from random weights.

    Parameters
    ----------
    volumes
        of people none of whom is tested on
    recipe
        how
    on_progress
        told the step and the mean loss, every hundred steps
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    network = make_network().train()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=recipe.steps
    )
    losses: list[float] = []
    for step in range(1, recipe.steps + 1):
        drawn = [_draw(rng, volumes) for _ in range(recipe.batch)]
        images, heats, sizes = (
            torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)
        )
        loss = detector_loss(network(images), heats, sizes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 100 == 0 and on_progress is not None:
            on_progress(step, float(np.mean(losses[-100:])))
    return network.eval()


def detector_loss(out: torch.Tensor, heats: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """Focal loss on the heat, as for key points, and absolute error of the radius at the middle.

    Parameters
    ----------
    out
        (n, 2, rows, columns) of the network
    heats
        (n, rows, columns), 1 in the middle of a nodule
    sizes
        (n, rows, columns), ln of the radius in units; where the heat is high
    """
    logits, heat = out[:, 0] + LOGIT_OFFSET, heats
    log_p, log_q = torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)
    p = torch.sigmoid(logits)
    is_middle = heat > 0.85
    hits = torch.where(is_middle, -((1 - p) ** 2) * log_p, torch.zeros_like(p))
    misses = torch.where(is_middle, torch.zeros_like(p), -((1 - heat) ** 4) * p**2 * log_q)
    middles = is_middle.sum().clamp(min=1)
    size_error = torch.where(is_middle, (out[:, 1] - sizes).abs(), torch.zeros_like(p))
    return (hits.sum() + misses.sum()) / middles + 0.5 * size_error.sum() / middles


def target_of(
    volume: LabelledVolume, index: int, top_left: tuple[int, int], size: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return heat and size that the network should say in a crop of a slice.

    Parameters
    ----------
    volume
        labelled
    index
        of the slice
    top_left
        row and column of the crop
    size
        rows and columns of the crop
    """
    dz, dy, dx = volume.spacing_mm_zyx
    rows = ((np.arange(size) + top_left[0]) * dy)[:, None]
    columns = ((np.arange(size) + top_left[1]) * dx)[None, :]
    heat = np.zeros((size, size), dtype=np.float32)
    sizes = np.zeros((size, size), dtype=np.float32)
    for place in volume.places:
        z, y, x = place.centre_mm_zyx
        sigma = max(place.radius_mm / _SHARPNESS, _LEAST_SIGMA_MM)
        # Of thick slices, the nearest one counts as the middle.
        away = max(0.0, abs(index * dz - z) - dz / 2)
        squared = (rows - y) ** 2 + (columns - x) ** 2 + away**2
        ball = np.exp(-squared / (2 * sigma**2)).astype(np.float32)
        sizes = np.where(ball > heat, np.float32(np.log(place.radius_mm / RADIUS_UNIT_MM)), sizes)
        heat = np.maximum(heat, ball)
    return heat, sizes


_Drawn = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]


def _draw(rng: np.random.Generator, volumes: Sequence[LabelledVolume]) -> _Drawn:
    volume = volumes[int(rng.integers(len(volumes)))]
    index, row, column = _spot(rng, volume)
    _, rows, columns = volume.slices_zyx.shape
    top = int(np.clip(row - CROP // 2, 0, max(0, rows - CROP)))
    left = int(np.clip(column - CROP // 2, 0, max(0, columns - CROP)))
    stack = with_neighbours(volume.slices_zyx, index)
    image = stack[:, top : top + CROP, left : left + CROP]
    short = CROP - image.shape[1], CROP - image.shape[2]
    if any(short):
        image = np.pad(image, ((0, 0), (0, short[0]), (0, short[1])))
    heat, sizes = target_of(volume, index, (top, left), CROP)
    return _augmented(rng, image, heat, sizes)


def _spot(rng: np.random.Generator, volume: LabelledVolume) -> tuple[int, int, int]:
    """Choose the middle of a crop: often near a nodule, else anywhere."""
    count, rows, columns = volume.slices_zyx.shape
    if volume.places and rng.random() < 0.6:
        place = volume.places[int(rng.integers(len(volume.places)))]
        z, y, x = np.asarray(place.centre_mm_zyx) / np.asarray(volume.spacing_mm_zyx)
        index = int(np.clip(round(z + rng.integers(-1, 2)), 0, count - 1))
        return index, int(y + rng.integers(-36, 37)), int(x + rng.integers(-36, 37))
    return int(rng.integers(count)), int(rng.integers(rows)), int(rng.integers(columns))


def _augmented(
    rng: np.random.Generator,
    image: npt.NDArray[np.float32],
    heat: npt.NDArray[np.float32],
    sizes: npt.NDArray[np.float32],
) -> _Drawn:
    """Flip, turn, brighten, add noise: what scanners and postures do."""
    if rng.random() < 0.5:
        image, heat, sizes = image[..., ::-1], heat[..., ::-1], sizes[..., ::-1]
    if rng.random() < 0.5:
        image = image[::-1]
    turns = int(rng.integers(4)) if rng.random() < 0.3 else 0
    image, heat, sizes = (np.rot90(part, turns, axes=(-2, -1)) for part in (image, heat, sizes))
    changed = image * rng.uniform(0.92, 1.08) + rng.uniform(-0.03, 0.03)
    changed = changed + rng.normal(0, rng.uniform(0, 0.03), image.shape)
    return (
        np.ascontiguousarray(changed, dtype=np.float32),
        np.ascontiguousarray(heat, dtype=np.float32),
        np.ascontiguousarray(sizes, dtype=np.float32),
    )
