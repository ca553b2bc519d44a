"""From stored masks to a trained and measured UNet. Importing this imports torch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms.post.dictionary import Invertd
from torch import nn

from inference.bundles.loading import load_state_dict
from inference.similarity.errors import NotEnoughLabelsError
from inference.training.loop import Place, train_network
from inference.training.segmentation.bundle import TrainedMasks, network_of
from inference.training.segmentation.evaluation import evaluate_segmentation, judge_series
from inference.training.segmentation.feeding import Overlapping, PatchFeed, scores_of_volume
from inference.training.segmentation.preparing import (
    Preparation,
    choose_preparation,
    open_volume,
    placed_image,
    prepare_volumes,
    read_volumes,
    transform_of,
)
from inference.training.splitting import Split, splits_of

if TYPE_CHECKING:
    from pathlib import Path

    from inference.training.learning import Site
    from inference.training.masks import MaskFigures
    from inference.training.recipe import Recipe
    from inference.training.segmentation.datasets import MaskData


def learn_masks(recipe: Recipe, data: MaskData, site: Site) -> TrainedMasks:
    """Train and measure; an attempt that was interrupted goes on where it was.

    Parameters
    ----------
    recipe : what was asked for
    data : series with masks
    site : folder and device

    Returns
    -------
    TrainedMasks

    Raises
    ------
    NotEnoughLabelsError
        Too few patients' series could be read.
    TrainingStopped
        Somebody cancelled it, or others wait for the worker.
    """
    site.folder.mkdir(parents=True, exist_ok=True)
    site.watch.progress |= {"split": 1, "splits": 1}
    paths, readable = read_volumes(data, site.folder / "series", site.watch)
    rows = np.flatnonzero(readable)
    split = _split(recipe, data, rows)
    preparation = choose_preparation(
        recipe,
        [paths[row] for row in split.train.tolist()],
        is_ct={one.modality for one in data.samples} == {"CT"},
        kept=site.folder / "preparation.json",
    )
    used = np.concatenate([split.train, split.validation]).tolist()
    prepared = list(paths)
    found = prepare_volumes(
        [paths[row] for row in used], preparation, site.folder / "prepared", site.watch
    )
    for row, path in zip(used, found, strict=True):
        prepared[row] = path
    feed = PatchFeed(prepared, len(data.labels) + 1, preparation.patch, recipe)
    network = _trained(recipe, feed, split, site)
    metrics = _judge(network, data, (split.test, paths), preparation, site)
    metrics["unreadable"] = int((~readable).sum())
    return TrainedMasks(
        network=network.cpu(),
        recipe=recipe,
        data=data,
        preparation=preparation,
        metrics=metrics,
        version=site.version,
        inputs=dict(site.inputs),
        notes=site.notes,
    )


def _split(recipe: Recipe, data: MaskData, rows: npt.NDArray[np.int64]) -> Split:
    patients = [data.patients[row] for row in rows.tolist()]
    # Spread by the rarest structure that a series has: the last one.
    first = [max(data.masks[row]) - 1 for row in rows.tolist()]
    classes = np.unique(np.array(first, dtype=np.int64), return_inverse=True)[1]
    if len(rows):
        (chosen,) = splits_of(recipe, patients, classes.astype(np.int64))
        if all(len(part) for part in (chosen.train, chosen.validation, chosen.test)):
            return Split(rows[chosen.train], rows[chosen.validation], rows[chosen.test])
    raise NotEnoughLabelsError(
        f"{len(rows)} of {len(data.samples)} series could be read, of {len(set(patients))}"
        " patients: too few to learn from, to end by and to judge by."
    )


def _trained(recipe: Recipe, feed: PatchFeed, split: Split, site: Site) -> nn.Module:
    """Train, or read what an earlier attempt made."""
    network = network_of(recipe, feed.classes)
    weights = site.folder / "split-0.pt"
    if weights.is_file():
        network.load_state_dict(load_state_dict(weights))
        return network.to(site.device).eval()
    place = Place(
        checkpoint=site.folder / "split-0.checkpoint",
        tensorboard=site.folder / "tensorboard" / "split-0",
        device=site.device,
    )
    objective = Overlapping(feed.voxels(split.train), feed.patch, recipe)
    train_network(network, feed, split, recipe, place, site.watch, objective)
    partial = weights.with_suffix(".partial")
    torch.save({name: value.cpu() for name, value in network.state_dict().items()}, partial)
    partial.replace(weights)
    place.checkpoint.unlink(missing_ok=True)
    return network.eval()


def _judge(
    network: nn.Module,
    data: MaskData,
    material: tuple[npt.NDArray[np.int64], list[Path]],
    preparation: Preparation,
    site: Site,
) -> dict[str, Any]:
    """Judge series on their own grid, as a run would store the masks."""
    rows, paths = material
    transform = transform_of(preparation)
    cases: list[dict[str, MaskFigures]] = []
    for number, row in enumerate(rows.tolist()):
        site.watch.tell_step("judging", number, len(rows))
        volume = open_volume(paths[row])
        image = transform({"image": placed_image(volume)})["image"]
        plain = torch.as_tensor(image).as_subclass(torch.Tensor)[None].float()
        scores = scores_of_volume(network, plain, preparation.patch, site.device)
        labels = _on_own_grid(scores.argmax(dim=1), image, transform)
        cases.append(judge_series(labels, volume.labels, data.labels, volume.spacing_mm))
    patients = [data.patients[row] for row in rows.tolist()]
    facts = [data.samples[row].facts for row in rows.tolist()]
    metrics = evaluate_segmentation(cases, data.labels, patients, facts)
    # Plain numbers, as the database has them.
    told: dict[str, Any] = json.loads(json.dumps(metrics))
    return told


def _on_own_grid(labels: torch.Tensor, image: Any, transform: Any) -> npt.NDArray[np.uint8]:
    predicted: Any = MetaTensor(
        labels.float(), meta=image.meta, applied_operations=image.applied_operations
    )
    back = Invertd("pred", transform, orig_keys="image", nearest_interp=True, to_tensor=True)
    found = back({"pred": predicted, "image": image})["pred"]
    return np.asarray(np.rint(found[0].numpy()), dtype=np.uint8)
