"""Why a classifier said so: a heat map on the image that speaks most for its answer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.module_loading import import_string

from archive.dicom.rendering import render_frame
from archive.errors import ArchiveError
from archive.retrieve.datasets import load_dataset
from inference.bundles.trust import trusted_copy
from inference.errors import UnsupportedInputError
from inference.pipelines.classification import LinearHead, marginal
from inference.pipelines.classifier import IMAGE, TrainedClassifier
from inference.pipelines.embedding import SPACE_NAME, spread_indices
from inference.pipelines.explaining import (
    HeatMap,
    grad_cam_map,
    occlusion_map,
    off_the_square,
    small_grid,
)
from inference.results.heatmap import build_heatmap
from inference.runs.execution.inputs import image_instances
from inference.runs.execution.storing import algorithm_of, identity_of, store_once
from inference.similarity.spaces.embedder import encoder_of
from inference.similarity.spaces.registry import find_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from pydicom import Dataset

    from inference.models import Run
    from inference.runs.explanations import Answer
    from inference.similarity.spaces.embedder import Encoder

    Scores = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
    ByGradient = Callable[[npt.NDArray[np.float32]], HeatMap]
    Prepare = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]

# What a version's entry may say under `explain_method`.
OCCLUSION, GRAD_CAM = "occlusion", "grad-cam"
# By name: training is the room beside this one, and knows the networks it made.
_NETWORK_OF = "inference.training.backbones.network_of_bundle"
# Of a long series so many evenly spaced images are candidates.
MAX_IMAGES = 8


@dataclass(frozen=True, eq=False)
class _Candidate:
    """An image as it is shown and as the classifier takes it."""

    ds: Dataset
    frame: int
    picture: npt.NDArray[np.uint8]
    prepared: npt.NDArray[np.float32]


def explain(run: Run, answer: Answer) -> dict[str, Any]:
    """Make and store the heat map of a classification; return what it adds to the run's outputs.

    Raises
    ------
    UnsupportedInputError
        The model can't be explained, no longer knows the answer, or none of the images can be
        decoded.
    """
    if run.model_version.pipeline == "linear_head":
        space = find_space(run.model_version.config.get("space") or SPACE_NAME, in_any_state=True)
        encoder = encoder_of(space)
        return _explain(run, answer, encoder.prepare, _scores_of_head(run, answer, encoder))
    if run.model_version.pipeline == "classifier":
        return _explain_trained(run, answer)
    raise UnsupportedInputError("This model can't be explained.")


def _scores_of_head(run: Run, answer: Answer, encoder: Encoder) -> Scores:
    head = LinearHead.load(Path(run.model_version.bundle_path))

    def scores(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        # What the pixels alone say: the header can't be hidden.
        rows = head.predict(encoder.embed(list(batch)))
        return np.array([marginal(row, answer.name).get(answer.label, 0.0) for row in rows])

    return scores


def _explain_trained(run: Run, answer: Answer) -> dict[str, Any]:
    version = run.model_version
    with trusted_copy(Path(version.bundle_path), version.digest) as bundle:
        classifier = TrainedClassifier(bundle)
        facts = classifier.facts
        if answer.label not in [label[:64] for label in facts.labels]:
            raise UnsupportedInputError("The model no longer knows this answer.")
        place = [label[:64] for label in facts.labels].index(answer.label)
        if facts.kind == IMAGE:
            return _explain(
                run,
                answer,
                classifier.prepare,
                lambda batch: classifier.predict(batch)[:, place],
                by_gradient=_gradient_of(run, bundle, place),
            )
        encoder = encoder_of(find_space(facts.space, in_any_state=True))
        return _explain(
            run,
            answer,
            encoder.prepare,
            lambda batch: classifier.predict(encoder.embed(list(batch)))[:, place],
        )


def _gradient_of(run: Run, bundle: Path, place: int) -> ByGradient | None:
    """Return Grad-CAM where the model's entry asks for it; hiding patches needs no network."""
    config = run.model_version.config
    if config.get("explain_method", OCCLUSION) != GRAD_CAM:
        return None
    network_of: Callable[..., tuple[Any, str]] = import_string(_NETWORK_OF)
    network, usual = network_of(bundle)
    layer = str(config.get("explain_layer") or usual)
    if layer not in dict(network.named_modules()):
        raise UnsupportedInputError(f"The network has no layer {layer[:80]!r} for Grad-CAM.")
    return lambda prepared: grad_cam_map(network, prepared, place, layer=layer)


def _explain(
    run: Run,
    answer: Answer,
    prepare: Prepare,
    scores: Scores,
    *,
    by_gradient: ByGradient | None = None,
) -> dict[str, Any]:
    candidates = list(_candidates(run, prepare))
    if not candidates:
        raise UnsupportedInputError("None of the series' images could be decoded.")
    told = scores(np.stack([one.prepared for one in candidates]))
    best = candidates[int(np.argmax(told))]
    found = by_gradient(best.prepared) if by_gradient else occlusion_map(scores, best.prepared)
    heat = off_the_square(found.values, *best.picture.shape[:2])
    return _stored(run, answer, best, found, heat)


def _candidates(run: Run, prepare: Prepare) -> Iterator[_Candidate]:
    instances = image_instances(run.series)
    for index in spread_indices(len(instances), MAX_IMAGES):
        instance = instances[index]
        frame = (max(instance.number_of_frames or 1, 1) - 1) // 2
        try:
            ds = load_dataset(instance)
            picture = render_frame(ds, frame)
            yield _Candidate(ds, frame, picture, prepare(picture))
        except ArchiveError:
            continue


def _stored(
    run: Run,
    answer: Answer,
    best: _Candidate,
    found: HeatMap,
    heat: npt.NDArray[np.float32],
) -> dict[str, Any]:
    meaning = f"Speaks for {answer.label} ({found.method})"
    identity = identity_of(run, "heatmap", f"{run.model_version.name}: heat map")
    uid = store_once(
        run,
        identity,
        lambda: build_heatmap(
            source_datasets=[best.ds],
            pictures=[best.picture],
            heat_zyx=heat[np.newaxis],
            meaning=meaning,
            algorithm=algorithm_of(run, device="cpu"),
            identity=identity,
        ),
    )
    grid = small_grid(heat)
    overlay = {
        "image": str(best.ds.SOPInstanceUID),
        "frame": best.frame + 1,
        "rows": grid.shape[0],
        "columns": grid.shape[1],
        "values": base64.b64encode(grid.tobytes()).decode("ascii"),
        "says": answer.label,
        "method": found.method,
        "strength": round(found.strength, 4),
    }
    return {"heatmap": uid, "overlay": overlay}
