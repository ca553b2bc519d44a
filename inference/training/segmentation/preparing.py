"""Volumes as the network takes them, kept in files. Importing this imports torch and MONAI."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import numpy.typing as npt
import torch
from monai.bundle.config_parser import ConfigParser
from monai.data.meta_tensor import MetaTensor

from archive.errors import ArchiveError
from inference.training.segmentation.volumes import Masked, read_masked

if TYPE_CHECKING:
    from pathlib import Path

    from inference.training.recipe import Recipe
    from inference.training.segmentation.datasets import MaskData
    from inference.training.watching import Watch

# Coarser voxels keep a training to minutes: a volume of the network's has about so many.
MOST_VOXELS = 2_000_000
STEP = 8
_CT_MARGIN_HU = 200.0
_STATED_VOXELS = 100_000
# nibabel's functions have no annotations.
_orientation: Any = nibabel.io_orientation


@dataclass(frozen=True)
class Preparation:
    """How volumes come to the network; the same in a training and in the bundle.

    Attributes
    ----------
    voxel_mm : of the network's grid, right to left, back to front, feet to head
    patch : voxels of what the network sees at once
    window : grey values that become 0 and 1, for CT; each volume's own percentiles where None
    """

    voxel_mm: tuple[float, ...]
    patch: tuple[int, ...]
    window: tuple[float, float] | None

    def steps(self, *, has_labels: bool = False) -> list[dict[str, Any]]:
        """Return MONAI's transforms, as a bundle's configuration has them."""
        both: Any = ["image", "label"] if has_labels else "image"
        modes: Any = ["bilinear", "nearest"] if has_labels else "bilinear"
        scaled: dict[str, Any] = {"keys": "image", "b_min": 0.0, "b_max": 1.0, "clip": True}
        if self.window is None:
            scaled |= {"_target_": "ScaleIntensityRangePercentilesd", "lower": 1, "upper": 99}
        else:
            low, high = self.window
            scaled |= {"_target_": "ScaleIntensityRanged", "a_min": low, "a_max": high}
        return [
            {"_target_": "Orientationd", "keys": both, "axcodes": "RAS", "labels": None},
            {"_target_": "Spacingd", "keys": both, "pixdim": list(self.voxel_mm), "mode": modes},
            scaled,
        ]


def read_volumes(
    data: MaskData, folder: Path, watch: Watch
) -> tuple[list[Path], npt.NDArray[np.bool_]]:
    """Read every series with its masks into a file, or find what was read before.

    Parameters
    ----------
    data : which series and masks
    folder : made where it isn't
    watch : is told how far it is

    Returns
    -------
    one file a series, and which could be read
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"series-{one.key}.npz" for one in data.samples]
    readable = np.zeros(len(paths), dtype=np.bool_)
    for row, (sample, path) in enumerate(zip(data.samples, paths, strict=True)):
        watch.tell_step("reading series", row, len(paths))
        if not path.is_file():
            try:
                found = read_masked(int(sample.key), data.masks[row])
            except ArchiveError:
                continue
            _write(path, image=found.image, labels=found.labels, affine=found.affine_ras,
                   spacing=np.array(found.spacing_mm))  # fmt: skip
        readable[row] = True
    return paths, readable


def open_volume(path: Path) -> Masked:
    """Return what `read_volumes` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        x, y, z = kept["spacing"].tolist()
        return Masked(kept["image"], kept["labels"], kept["affine"], (x, y, z))


def choose_preparation(
    recipe: Recipe, paths: list[Path], *, is_ct: bool, kept: Path
) -> Preparation:
    """Choose voxels, patch and window by the volumes that are learned from.

    Parameters
    ----------
    recipe : ``voxel_mm`` and ``patch_side``
    paths : files of `read_volumes`, those to learn from
    is_ct : whether grey values mean the same everywhere
    kept : file of what was chosen before, written where it isn't

    Returns
    -------
    Preparation
    """
    if kept.is_file():
        chosen = json.loads(kept.read_text(encoding="utf-8"))
        window = chosen["window"]
        return Preparation(
            tuple(chosen["voxel_mm"]), tuple(chosen["patch"]), tuple(window) if window else None
        )
    spacings, extents, inside = [], [], []
    for path in paths:
        volume = open_volume(path)
        # Where each of the array's axes goes: right to left, back to front, feet to head.
        axes = _orientation(volume.affine_ras)[:, 0]
        order = np.argsort(axes) if not np.isnan(axes).any() else np.arange(3)
        spacing = np.array(volume.spacing_mm)[order]
        spacings.append(spacing)
        extents.append(spacing * np.array(volume.image.shape)[order])
        found = volume.image[volume.labels > 0]
        inside.append(found[:: max(1, len(found) // _STATED_VOXELS)])
    extent = np.median(extents, axis=0)
    voxel = np.full(3, recipe.voxel_mm) if recipe.voxel_mm else np.median(spacings, axis=0)
    if not recipe.voxel_mm:
        voxel = voxel * max(1.0, float(np.prod(extent / voxel) / MOST_VOXELS) ** (1 / 3))
    sides = np.ceil(extent / voxel / STEP).astype(int) * STEP
    window = None
    if is_ct:
        low, high = np.percentile(np.concatenate(inside), [0.5, 99.5])
        window = (float(round(low - _CT_MARGIN_HU)), float(round(high + _CT_MARGIN_HU)))
    preparation = Preparation(
        tuple(round(float(one), 4) for one in voxel),
        tuple(int(min(recipe.patch_side, max(STEP, side))) for side in sides),
        window,
    )
    kept.write_text(json.dumps(asdict(preparation)), encoding="utf-8")
    return preparation


def prepare_volumes(
    paths: list[Path], preparation: Preparation, folder: Path, watch: Watch
) -> list[Path]:
    """Bring volumes and masks onto the network's grid; return a file for each.

    Parameters
    ----------
    paths : files of `read_volumes`
    preparation : how
    folder : made where it isn't
    watch : is told how far it is
    """
    folder.mkdir(parents=True, exist_ok=True)
    transform = transform_of(preparation, has_labels=True)
    prepared = []
    for number, path in enumerate(paths):
        watch.tell_step("preparing volumes", number, len(paths))
        target = folder / path.name
        prepared.append(target)
        if target.is_file():
            continue
        volume = open_volume(path)
        made = transform(
            {"image": _placed(volume.image, volume), "label": _placed(volume.labels, volume)}
        )
        _write(target, image=made["image"].numpy().astype(np.float32),
               label=np.rint(made["label"].numpy()).astype(np.uint8))  # fmt: skip
    return prepared


def transform_of(preparation: Preparation, *, has_labels: bool = False) -> Any:
    """Return MONAI's transforms of a preparation, made as a bundle's are."""
    steps = preparation.steps(has_labels=has_labels)
    parser = ConfigParser({"steps": {"_target_": "Compose", "transforms": steps}}, globals=False)
    return parser.get_parsed_content("steps")


def placed_image(volume: Masked) -> MetaTensor:
    """Return a volume as MONAI's readers give it, with its channel first."""
    return _placed(volume.image, volume)


def _placed(array: npt.NDArray[Any], volume: Masked) -> MetaTensor:
    affine = torch.from_numpy(volume.affine_ras)
    return MetaTensor(torch.from_numpy(array.astype(np.float32))[None], affine=affine)


def _write(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write beside, then in place: a file that is there is whole."""
    partial = path.with_suffix(".partial.npz")
    save: Any = np.savez
    save(partial, **arrays)
    partial.replace(path)
