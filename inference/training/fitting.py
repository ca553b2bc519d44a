"""Do a claimed training and register what came of it. Importing this imports torch."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction

from archive.audit.types import Asker
from archive.errors import ArchiveError
from inference.bundles.registry import register_bundle
from inference.models import ModelVersion, TrainingRun
from inference.pipelines.devices import choose_device
from inference.training.bundle_writing import write_bundle
from inference.training.datasets import Sample, read_data
from inference.training.learning import Site, learn
from inference.training.recipe import Recipe, read_recipe
from inference.training.segmentation.bundle import write_mask_bundle
from inference.training.segmentation.datasets import read_masks
from inference.training.segmentation.learning import learn_masks
from inference.training.services import (
    MAX_ATTEMPTS,
    MOST_S,
    SLICE_S,
    State,
    end_training,
    is_worker_wanted,
    note_progress,
    pause_training,
    start_of,
)
from inference.training.watching import TrainingStopped, Watch

if TYPE_CHECKING:
    from inference.pipelines.types import CodeTriple

logger = logging.getLogger(__name__)

Tell = Callable[[dict[str, Any]], None]

# The row is written at most so often.
_TELL_EVERY_S = 1.0


def fit_training(
    training: TrainingRun, *, makes_room: bool = True, say: Tell = lambda progress: None
) -> None:
    """Train, measure, export, register as a draft; never raises.

    Parameters
    ----------
    training : claimed
    makes_room : stops after a while where others wait for the worker, to go on later
    say : is told of every step
    """
    try:
        watch = _watch_of(training, say, makes_room=makes_room)
        version = _fit(training, watch)
        _succeed(training, version, watch.progress)
    except TrainingStopped as stopped:
        if stopped.is_cancelled:
            end_training(training, State.CANCELLED, "Cancelled; it can be resumed.")
        else:
            pause_training(training)
    except SoftTimeLimitExceeded:
        _end_slowly(training)
    except ArchiveError as error:
        end_training(training, State.FAILED, error.message)
    # The edge of the worker: whatever goes wrong is written down, and the next task begins.
    except Exception as error:
        logger.exception("training failed", extra={"training": training.pk})
        end_training(training, State.FAILED, f"{type(error).__name__} in the training.")


def _end_slowly(training: TrainingRun) -> None:
    """Go on from the last checkpoint, unless no epoch fits into a worker's time."""
    if training.attempts >= MAX_ATTEMPTS:
        words = "An epoch takes longer than a worker has: fewer or smaller images, or a GPU."
        end_training(training, State.FAILED, words)
    else:
        pause_training(training, keeps_attempts=True)


def _fit(training: TrainingRun, watch: Watch) -> ModelVersion:
    recipe = read_recipe(training.recipe)
    device = choose_device()
    TrainingRun.objects.filter(pk=training.pk).update(device=device)
    start = start_of(recipe)
    site = Site(
        folder=Path(training.folder),
        models_dir=Path(settings.TWINSIGHT_MODELS_DIR),
        device=device,
        watch=watch,
        start=Path(start.bundle_path) if start else None,
        start_network=str(start.config.get("network", "")) if start else "",
        version=next_version(recipe),
        notes=f"Made by training {training.pk} of this archive.",
    )
    bundle = site.folder / recipe.name.replace("-", "_")
    if recipe.is_segmentation:
        masks = read_masks(recipe)
        inputs = inputs_of(masks.samples) | {"dimensions": 3}
        site = replace(site, inputs=inputs)
        write_mask_bundle(learn_masks(recipe, masks, site), bundle)
    else:
        data = read_data(recipe)
        site = replace(site, codes=known_codes(data.labels), inputs=inputs_of(data.samples))
        write_bundle(learn(recipe, data, site), bundle)
    return register_bundle(
        asker=Asker(door="command", name="train", user=training.created_by),
        bundle_dir=bundle,
        models_dir=site.models_dir,
        name=recipe.name,
        source=f"training {training.pk}",
    )


def known_codes(labels: tuple[str, ...]) -> dict[str, CodeTriple]:
    """Return the codes that earlier models gave to labels of the same names."""
    found: dict[str, CodeTriple] = {}
    for coded in ModelVersion.objects.order_by("pk").values_list("labels", flat=True):
        for one in coded:
            if one.get("name") in labels and one.get("code") and one.get("scheme") != "99TWINSIGHT":
                found[one["name"]] = (one["code"], one["scheme"], one.get("meaning", one["name"]))
    return found


def inputs_of(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return what a model may run on: modalities, and body parts, that it learned from."""
    modalities = sorted({one.modality for one in samples if one.modality})
    parts = {one.body_part for one in samples}
    inputs: dict[str, Any] = {"modalities": modalities} if modalities else {}
    if parts and "" not in parts:
        inputs |= {"body_parts": sorted(parts), "accept_unknown": ["body_parts"]}
    return inputs


def next_version(recipe: Recipe) -> str:
    """Return the number after the highest one of the model's versions."""
    known = ModelVersion.objects.filter(name=recipe.name).values_list("version", flat=True)
    return str(max((int(one) for one in known if one.isdigit()), default=0) + 1)


def _succeed(training: TrainingRun, version: ModelVersion, progress: dict[str, Any]) -> None:
    with transaction.atomic():
        end_training(
            training,
            State.SUCCEEDED,
            f"{version} is registered as a draft.",
            metrics=version.metrics,
            progress=progress,
            model_version=version,
        )
    # The row has the figures, the registry the weights; pictures are in the archive.
    folder = Path(training.folder)
    for name in ("pictures.npy", "pictures.json", "vectors.npy"):
        (folder / name).unlink(missing_ok=True)
    for name in ("series", "prepared", version.name.replace("-", "_")):
        shutil.rmtree(folder / name, ignore_errors=True)


def _watch_of(training: TrainingRun, say: Tell, *, makes_room: bool) -> Watch:
    began = time.monotonic()
    state = {"told": 0.0, "is_cancelled": False}
    watch = Watch()

    def tell(progress: dict[str, Any]) -> None:
        say(progress)
        if time.monotonic() - state["told"] >= _TELL_EVERY_S:
            state["is_cancelled"] = note_progress(training, progress)
            state["told"] = time.monotonic()

    def check() -> None:
        if state["is_cancelled"]:
            raise TrainingStopped(is_cancelled=True)
        worked = time.monotonic() - began
        is_long = worked >= SLICE_S and state["told"] >= began and is_worker_wanted()
        if makes_room and (worked >= MOST_S or is_long):
            raise TrainingStopped(is_cancelled=False)

    watch.tell, watch.check = tell, check
    return watch
