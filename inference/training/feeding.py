"""Batches for a training: images or vectors, augmented by MONAI. Importing this imports torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import (
    RandAdjustContrast,
    RandGaussianNoise,
    RandGaussianSmooth,
    RandScaleIntensity,
    RandShiftIntensity,
)
from monai.transforms.spatial.array import RandFlip, RandRotate, RandZoom

from inference.pipelines.embedding import OnnxEmbedder, preprocess
from inference.training.recipe import Recipe
from inference.training.watching import Watch

if TYPE_CHECKING:
    from monai.transforms.transform import Transform

Integers = npt.NDArray[np.int64]
Batch = tuple[torch.Tensor, torch.Tensor]
_EMBEDDED_AT_ONCE = 16


class Feed(Protocol):
    """What a training loop takes its batches from."""

    def batches(self, rows: Integers, epoch: int | None = None) -> Iterator[Batch]:
        """Yield inputs and classes of rows; shuffled and augmented where an epoch is given."""


@dataclass(frozen=True, eq=False)
class ImageFeed:
    """Images of 0 to 1, (n, 1, side, side)."""

    pictures: npt.NDArray[np.uint8]
    classes: Integers
    recipe: Recipe

    def batches(self, rows: Integers, epoch: int | None = None) -> Iterator[Batch]:
        """Yield inputs and classes of rows; shuffled and augmented where an epoch is given."""
        augment = None
        if epoch is not None:
            rows = _shuffled(rows, self.recipe.seed, epoch)
            augment = augmentation_of(self.recipe, seed=self.recipe.seed * 1000 + epoch)
        for chosen in _chunks(rows, self.recipe.batch_size, drops_single=epoch is not None):
            images = [_as_tensor(self.pictures[row]) for row in chosen.tolist()]
            if augment is not None:
                images = [_clean(augment(image)) for image in images]
            yield torch.stack(images), torch.from_numpy(self.classes[chosen])


@dataclass(frozen=True, eq=False)
class VectorFeed:
    """Vectors, (n, dimension); of each image one of its augmented variants is drawn."""

    variants: npt.NDArray[np.float32]
    classes: Integers
    recipe: Recipe

    def batches(self, rows: Integers, epoch: int | None = None) -> Iterator[Batch]:
        """Yield inputs and classes of rows; shuffled and augmented where an epoch is given."""
        random = np.random.default_rng([self.recipe.seed, epoch or 0])
        if epoch is not None:
            rows = _shuffled(rows, self.recipe.seed, epoch)
        for chosen in _chunks(rows, self.recipe.batch_size, drops_single=epoch is not None):
            drawn = np.zeros(len(chosen), dtype=np.int64)
            if epoch is not None:
                drawn = random.integers(0, len(self.variants), len(chosen))
            vectors = self.variants[drawn, chosen]
            yield torch.from_numpy(vectors), torch.from_numpy(self.classes[chosen])


def embed_variants(
    pictures: npt.NDArray[np.uint8],
    recipe: Recipe,
    embedder: OnnxEmbedder,
    kept: Path,
    watch: Watch,
) -> npt.NDArray[np.float32]:
    """Embed every image as it is and in augmented variants, or read what was embedded before.

    Parameters
    ----------
    pictures : (n, side, side) uint8
    recipe : how many variants, of which augmentation
    embedder : the shipped one
    kept : file to keep them in
    watch : is told how far it is

    Returns
    -------
    (variants, n, dimension) float32; the first are the images as they are
    """
    count = recipe.variants if recipe.augmentation else 1
    if kept.is_file():
        found: npt.NDArray[np.float32] = np.load(kept)
        if found.shape[:2] == (count, len(pictures)):
            return found
    vectors = np.zeros((count, len(pictures), embedder.dimension), dtype=np.float32)
    for variant in range(count):
        augment = augmentation_of(recipe, seed=recipe.seed * 1000 + variant)
        for start in range(0, len(pictures), _EMBEDDED_AT_ONCE):
            chosen = pictures[start : start + _EMBEDDED_AT_ONCE]
            seen = [_varied(one, augment) if variant else one for one in chosen]
            embedded = embedder.embed([preprocess(one) for one in seen])
            vectors[variant, start : start + len(seen)] = embedded
            watch.tell_step(f"embedding, variant {variant + 1} of {count}", start, len(pictures))
    np.save(kept, vectors)
    return vectors


def augmentation_of(recipe: Recipe, *, seed: int) -> Compose:
    """Return MONAI's random transforms of a recipe, for (1, side, side) images of 0 to 1.

    Parameters
    ----------
    recipe : which augmentation
    seed : of what they draw

    Returns
    -------
    monai.transforms.Compose
    """
    known: dict[str, list[Transform]] = {
        "rotate": [RandRotate(range_x=0.17, prob=0.7, keep_size=True, padding_mode="zeros")],
        "flip": [RandFlip(prob=0.5, spatial_axis=1)],
        "crop": [RandZoom(prob=0.7, min_zoom=0.9, max_zoom=1.25, padding_mode="edge")],
        "intensity": [
            RandAdjustContrast(prob=0.7, gamma=(0.7, 1.5)),
            RandScaleIntensity(factors=0.2, prob=0.5),
            RandShiftIntensity(offsets=0.08, prob=0.5),
        ],
        "noise": [
            RandGaussianNoise(prob=0.5, std=0.03),
            RandGaussianSmooth(sigma_x=(0.3, 1.0), sigma_y=(0.3, 1.0), prob=0.3),
        ],
    }
    chosen = [one for name, them in known.items() if name in recipe.augmentation for one in them]
    composed = Compose(chosen)
    composed.set_random_state(seed=seed)
    return composed


def _varied(picture: npt.NDArray[np.uint8], augment: Compose) -> npt.NDArray[np.uint8]:
    image = _clean(augment(_as_tensor(picture)))
    return np.asarray((image[0] * 255).round().numpy(), dtype=np.uint8)


def _as_tensor(picture: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.array(picture, dtype=np.float32) / 255.0).unsqueeze(0)


def _clean(image: torch.Tensor) -> torch.Tensor:
    """Leave MONAI's notes of what was done behind."""
    plain = image.as_subclass(torch.Tensor) if type(image) is not torch.Tensor else image
    return plain.clamp(0.0, 1.0)


def _shuffled(rows: Integers, seed: int, epoch: int) -> Integers:
    return np.random.default_rng([seed, epoch]).permutation(rows)


def _chunks(rows: Integers, size: int, *, drops_single: bool) -> Iterator[Integers]:
    for start in range(0, len(rows), size):
        chosen = rows[start : start + size]
        # Batch normalisation has nothing to learn of one image.
        if len(chosen) > 1 or not drops_single:
            yield chosen
