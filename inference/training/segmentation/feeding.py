"""Patches of volumes for a training, augmented by MONAI, and what is made of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from monai.inferers.utils import sliding_window_inference
from monai.losses.dice import DiceCELoss
from monai.transforms.compose import Compose
from monai.transforms.croppad.dictionary import RandCropByLabelClassesd, SpatialPadd
from monai.transforms.intensity.dictionary import (
    RandAdjustContrastd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
)
from monai.transforms.spatial.dictionary import RandFlipd, RandRotated, RandZoomd
from torch import nn

from inference.training.feeding import Batch, Feed
from inference.training.recipe import Recipe

if TYPE_CHECKING:
    from monai.transforms.transform import Transform

Integers = npt.NDArray[np.int64]
OVERLAP = 0.25
_KEYS = ["image", "label"]
_MODES = ["bilinear", "nearest"]
# How much oftener a patch is put on a structure than beside all of them.
_ON_A_STRUCTURE = 2.0


@dataclass(frozen=True, eq=False)
class PatchFeed:
    """Patches, (n, 1, x, y, z), and their label maps; whole volumes where no epoch is given."""

    paths: list[Path]
    classes: int
    patch: tuple[int, ...]
    recipe: Recipe

    def batches(self, rows: Integers, epoch: int | None = None) -> Iterator[Batch]:
        """Yield images of 0 to 1 and label maps of rows; drawn and augmented in an epoch."""
        if epoch is None:
            for row in rows.tolist():
                found = self._open(row)
                yield found["image"][None], found["label"][None]
            return
        random = np.random.default_rng([self.recipe.seed, epoch])
        draw = _drawing(self.recipe, self.classes, self.patch)
        draw.set_random_state(seed=self.recipe.seed * 1000 + epoch)
        waiting: list[Any] = []
        for row in random.permutation(rows).tolist():
            waiting += draw(self._open(row))
            while len(waiting) >= self.recipe.batch_size:
                yield _batch(waiting[: self.recipe.batch_size])
                waiting = waiting[self.recipe.batch_size :]
        if waiting:
            yield _batch(waiting)

    def voxels(self, rows: Integers) -> npt.NDArray[np.int64]:
        """Return how many voxels of rows each class has."""
        counts = np.zeros(self.classes, dtype=np.int64)
        for row in rows.tolist():
            label = self._open(row)["label"].numpy().astype(np.int64)
            counts += np.bincount(label.ravel(), minlength=self.classes)
        return counts

    def _open(self, row: int) -> dict[str, torch.Tensor]:
        with np.load(self.paths[row], allow_pickle=False) as kept:
            return {name: torch.from_numpy(kept[name].astype(np.float32)) for name in _KEYS}


class Overlapping:
    """Dice loss and cross-entropy together, rare classes weighted.

    Parameters
    ----------
    voxels : of each class among what is learned from
    patch : window over whole volumes
    recipe : whether classes are weighted
    """

    def __init__(
        self, voxels: npt.NDArray[np.int64], patch: tuple[int, ...], recipe: Recipe
    ) -> None:
        weights = None
        if recipe.has_class_weights:
            # The root: a structure of a thousandth of the voxels would drown out all others.
            rarity = np.sqrt(voxels.sum() / np.maximum(voxels, 1))
            weights = torch.tensor(rarity / rarity.mean(), dtype=torch.float32)
        self._loss = DiceCELoss(
            softmax=True, to_onehot_y=True, include_background=False, batch=True
        )
        self._loss.cross_entropy.weight = weights
        self._patch = patch

    def loss(self, scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Return what is made small."""
        found: torch.Tensor = self._loss.to(scores.device)(scores, wanted)
        return found

    def validate(
        self, network: nn.Module, feed: Feed, rows: Integers, device: str
    ) -> dict[str, float]:
        """Return loss and mean Dice of whole volumes."""
        losses, overlaps = [], []
        network.eval()
        for image, label in feed.batches(rows):
            scores = scores_of_volume(network, image, self._patch, device)
            losses.append(float(self.loss(scores, label)))
            overlaps += _dice(scores.argmax(dim=1), label[:, 0].long(), scores.shape[1])
        return {
            "validation_loss": float(np.mean(losses)),
            "validation_dice": round(float(np.mean(overlaps)), 4) if overlaps else 0.0,
        }


def scores_of_volume(
    network: nn.Module, image: torch.Tensor, patch: tuple[int, ...], device: str
) -> torch.Tensor:
    """Return a network's scores of a whole volume, window by window, on the CPU.

    Parameters
    ----------
    network : in evaluation mode, on the device
    image : (1, 1, x, y, z)
    patch : the window
    device : ``cuda`` or ``cpu``
    """
    with torch.no_grad():
        answer = sliding_window_inference(
            image.to(device), patch, 1, network, overlap=OVERLAP, mode="gaussian"
        )
    return torch.as_tensor(answer).float().cpu()


def _dice(found: torch.Tensor, wanted: torch.Tensor, classes: int) -> list[float]:
    values = []
    for one in range(1, classes):
        ours, theirs = found == one, wanted == one
        total = int(ours.sum()) + int(theirs.sum())
        if total:
            values.append(2.0 * int((ours & theirs).sum()) / total)
    return values


def _drawing(recipe: Recipe, classes: int, patch: tuple[int, ...]) -> Compose:
    """Return MONAI's transforms that draw patches and change them."""
    ratios = [1.0, *[_ON_A_STRUCTURE] * (classes - 1)]
    known: dict[str, list[Transform]] = {
        "rotate": [
            RandRotated(
                _KEYS, range_x=0.17, range_y=0.17, range_z=0.17, prob=0.3, mode=_MODES,
                padding_mode="border",
            ),
        ],
        "flip": [RandFlipd(_KEYS, prob=0.5, spatial_axis=0)],
        "crop": [
            RandZoomd(
                _KEYS, prob=0.3, min_zoom=0.85, max_zoom=1.2, mode=["trilinear", "nearest"]
            ),
        ],
        "intensity": [
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
            RandScaleIntensityd("image", factors=0.2, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
        ],
        "noise": [
            RandGaussianNoised("image", prob=0.3, std=0.05),
            RandGaussianSmoothd("image", sigma_x=(0.3, 0.8), sigma_y=(0.3, 0.8), prob=0.2),
        ],
    }  # fmt: skip
    chosen = [one for name, them in known.items() if name in recipe.augmentation for one in them]
    return Compose(
        [
            SpatialPadd(_KEYS, spatial_size=patch),
            RandCropByLabelClassesd(
                _KEYS, label_key="label", spatial_size=patch, ratios=ratios, num_classes=classes,
                num_samples=recipe.patches_per_volume, warn=False,
            ),
            *chosen,
        ]
    )  # fmt: skip


def _batch(patches: list[Any]) -> Batch:
    images, labels = (
        torch.stack([torch.as_tensor(one[name]).as_subclass(torch.Tensor) for one in patches])
        for name in _KEYS
    )
    return images.float(), labels.round()
