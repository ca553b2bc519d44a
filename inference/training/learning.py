"""From labelled images to a trained and measured network. Importing this imports torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from torch import nn

from inference.bundles.embedder import ensure_embedder
from inference.bundles.loading import load_state_dict
from inference.pipelines.embedding import OnnxEmbedder
from inference.pipelines.types import CodeTriple
from inference.training.backbones import VectorClassifier, build_image_classifier
from inference.training.bundle_writing import Trained
from inference.training.datasets import LEAST_CLASSES, TrainingData
from inference.training.evaluation import evaluate_classifier
from inference.training.feeding import Feed, ImageFeed, VectorFeed, embed_variants
from inference.training.logistic import fit_temperature
from inference.training.loop import Place, scores_of, train_network
from inference.training.pictures import prepare_pictures
from inference.training.recipe import Recipe
from inference.training.splitting import Split, last_split, splits_of
from inference.training.subgroups import evaluate_subgroups, warnings_of
from inference.training.watching import Watch

Floats = npt.NDArray[np.float64]
# Few validation cases say little, and other hospitals differ more: never sharpen by them.
_LEAST_TEMPERATURE, _MOST_TEMPERATURE = 1.0, 10.0


@dataclass(frozen=True)
class Site:
    """Where a training works.

    Attributes
    ----------
    folder : of its pictures, checkpoints, TensorBoard and bundle; gone on from what is there
    models_dir : with the shipped embedder
    device : ``cuda`` or ``cpu``
    watch : is told, and stops it
    start, start_network : bundle and network of the registered model that it begins with
    codes, inputs, version, notes : for the bundle, see `bundle_writing.Trained`
    """

    folder: Path
    models_dir: Path
    device: str = "cpu"
    watch: Watch = field(default_factory=Watch)
    start: Path | None = None
    start_network: str = ""
    codes: Mapping[str, CodeTriple] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    version: str = "1"
    notes: str = ""


def learn(recipe: Recipe, data: TrainingData, site: Site) -> Trained:
    """Train and measure; an attempt that was interrupted goes on where it was.

    Parameters
    ----------
    recipe : what was asked for
    data : labelled images
    site : folder and device

    Returns
    -------
    Trained

    Raises
    ------
    UnsupportedInputError
        None of the images could be decoded, or the backbone can't be trained.
    TrainingStopped
        Somebody cancelled it, or others wait for the worker.
    """
    site.folder.mkdir(parents=True, exist_ok=True)
    feed, readable = _feed(recipe, data, site)
    rows = np.flatnonzero(readable)
    patients = [data.patients[row] for row in rows.tolist()]
    classes = data.classes[rows]
    splits = [_of_rows(one, rows) for one in splits_of(recipe, patients, classes)]
    number = len(splits) + bool(recipe.folds)
    network, judged, temperatures = None, [], []
    for index, split in enumerate(splits):
        site.watch.progress |= {"split": index + 1, "splits": number, "history": []}
        network, scores, temperature = _one_split(recipe, data, site, (feed, split), index)
        judged.append((split.test, softmax(scores / temperature, axis=1)))
        temperatures.append(temperature)
    temperature = float(np.median(temperatures))
    if recipe.folds:
        site.watch.progress |= {"split": number, "splits": number, "history": []}
        split = _of_rows(last_split(recipe, patients, classes), rows)
        network, _, _ = _one_split(recipe, data, site, (feed, split), len(splits))
    if network is None:
        raise RuntimeError("there was no split")
    metrics = _measure(data, judged, temperature)
    metrics["unreadable"] = int((~readable).sum())
    return Trained(
        network=network.cpu(),
        recipe=recipe,
        data=data,
        temperature=temperature,
        metrics=metrics,
        network_name=site.start_network or recipe.backbone,
        version=site.version,
        codes=dict(site.codes),
        inputs=dict(site.inputs),
        notes=site.notes,
    )


def _feed(recipe: Recipe, data: TrainingData, site: Site) -> tuple[Feed, npt.NDArray[np.bool_]]:
    pictures, readable = prepare_pictures(
        data,
        site.folder,
        side=recipe.image_side,
        tell=lambda done, all_of: site.watch.tell_step("reading images", done, all_of),
    )
    if not recipe.is_on_vectors:
        return ImageFeed(pictures, data.classes, recipe), readable
    embedder = OnnxEmbedder(ensure_embedder(site.models_dir))
    kept = site.folder / "vectors.npy"
    variants = embed_variants(pictures, recipe, embedder, kept, site.watch)
    return VectorFeed(variants, data.classes, recipe), readable


def _of_rows(split: Split, rows: npt.NDArray[np.int64]) -> Split:
    return Split(rows[split.train], rows[split.validation], rows[split.test])


def _one_split(
    recipe: Recipe, data: TrainingData, site: Site, material: tuple[Feed, Split], index: int
) -> tuple[nn.Module, Floats, float]:
    """Train one split, or read what an earlier attempt made of it: network, scores, temperature."""
    feed, split = material
    network = _network(recipe, data, site, material)
    done = site.folder / f"split-{index}.json"
    weights = site.folder / f"split-{index}.pt"
    if done.is_file():
        network.load_state_dict(load_state_dict(weights))
        kept = json.loads(done.read_text(encoding="utf-8"))
        return network.eval(), np.array(kept["scores"]), float(kept["temperature"])
    place = Place(
        checkpoint=site.folder / f"split-{index}.checkpoint",
        tensorboard=site.folder / "tensorboard" / f"split-{index}",
        device=site.device,
    )
    history = train_network(network, feed, split, recipe, place, site.watch)
    validation = scores_of(network, feed, split.validation, site.device)
    temperature = fit_temperature(validation, data.classes[split.validation])
    temperature = float(np.clip(temperature, _LEAST_TEMPERATURE, _MOST_TEMPERATURE))
    scores = np.zeros((0, len(data.labels)))
    if len(split.test):
        scores = scores_of(network, feed, split.test, site.device)
    torch.save({name: value.cpu() for name, value in network.state_dict().items()}, weights)
    kept = {"scores": scores.tolist(), "temperature": temperature, "history": history}
    done.write_text(json.dumps(kept), encoding="utf-8")
    place.checkpoint.unlink(missing_ok=True)
    return network, scores, temperature


def _network(
    recipe: Recipe, data: TrainingData, site: Site, material: tuple[Feed, Split]
) -> nn.Module:
    feed, split = material
    count = len(data.labels)
    if isinstance(feed, VectorFeed):
        torch.manual_seed(recipe.seed)
        return VectorClassifier(feed.variants[0][split.train], count, recipe.dropout)
    return build_image_classifier(recipe, count, start=site.start)


def _measure(
    data: TrainingData,
    judged: list[tuple[npt.NDArray[np.int64], Floats]],
    temperature: float,
) -> dict[str, Any]:
    """Judge cases: the images of a labelled series answer together, by their mean."""
    answers: dict[str, list[Floats]] = {}
    first: dict[str, int] = {}
    for rows, probabilities in judged:
        for row, answer in zip(rows.tolist(), probabilities, strict=True):
            case = data.samples[row].case
            answers.setdefault(case, []).append(answer)
            first.setdefault(case, row)
    together = np.array([np.mean(answers[case], axis=0) for case in first])
    rows = np.array(list(first.values()), dtype=np.int64)
    truth = data.classes[rows]
    patients = [data.patients[row] for row in rows.tolist()]
    facts = [data.samples[row].facts for row in rows.tolist()]
    metrics = evaluate_classifier(together, truth, data.labels, patients)
    metrics["temperature"] = round(temperature, 4)
    metrics["subgroups"] = evaluate_subgroups(together, truth, patients, facts)
    metrics["warnings"] = warnings_of(metrics["subgroups"])
    if len(np.unique(truth)) < max(LEAST_CLASSES, len(data.labels)):
        metrics["warnings"].append("Some classes were not among the cases it was judged on.")
    return metrics
