"""Train the head for modality and body part on frozen embeddings, and measure it honestly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.pipelines.classification import LinearHead
from inference.pipelines.embedding import OnnxEmbedder, preprocess
from inference.training import augmentation
from inference.training.export import export_head
from inference.training.labelled_images import LabelledImage, read_labelled_images
from inference.training.logistic import calibration_error, fit_logistic, fit_temperature

VERSION = "0.1.0"
_STRENGTH = 3.0
_FOLDS = 5
# Other hospitals' images differ more than any variant made here, so never sharpen.
_LEAST_TEMPERATURE = 1.0
_BATCH = 16

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeadReport:
    """What was measured on images that the judged head was not fitted on.

    Attributes
    ----------
    images, patients : size of the data set; images without patient count as one patient each
    accuracy, modality_accuracy, body_part_accuracy : shares of held-out images, 0 to 1
    shifted_accuracy : the same on held-out images in variants that the head was not fitted on
    recall : class to share of its held-out images that were found
    temperature : fitted on the shifted held-out images, but at least 1
    calibration_error, shifted_calibration_error : expected calibration error after temperature
    """

    images: int
    patients: int
    accuracy: float
    modality_accuracy: float
    body_part_accuracy: float
    shifted_accuracy: float
    recall: dict[str, float]
    temperature: float
    calibration_error: float
    shifted_calibration_error: float


@dataclass(frozen=True, eq=False)
class _Features:
    """Every image in every variant: name of the variant to (n, 384)."""

    fitted: list[Floats]
    unseen: list[Floats]
    classes: Integers
    labels: tuple[str, ...]


def train_modality_body_part(
    *,
    data_dir: Path,
    bundle_dir: Path,
    embedder: OnnxEmbedder,
    notes: str = "",
    progress: Callable[[str], None] = lambda text: None,
) -> HeadReport:
    """Fit the head, measure it on held-out patients, and write it as a bundle.

    `data_dir` has ``labels.csv``; `bundle_dir` is made or overwritten; `notes` is Markdown about
    the data set for the model card. Raises UnsupportedInputError where there is no data set.
    """
    images = read_labelled_images(data_dir)
    features = _embed_all(images, embedder, progress)
    folds = patient_folds(images, features.classes, _FOLDS)
    progress(f"measuring on {_FOLDS} folds of held-out patients")
    report = _measure(images, features, folds)
    # For use, every image in every variant is worth fitting on.
    weights, bias = _fit(features, np.ones(len(images), dtype=bool), with_unseen=True)
    head = LinearHead(features.labels, weights, bias, report.temperature, VERSION)
    export_head(head, report, images, bundle_dir, notes=notes)
    return report


def patient_folds(images: Sequence[LabelledImage], classes: Integers, folds: int) -> Integers:
    """Return each image's fold: one patient is in one fold, classes are spread evenly."""
    assigned = np.zeros(len(images), dtype=np.int64)
    patients: dict[str, list[int]] = {}
    for index, image in enumerate(images):
        patients.setdefault(image.patient, []).append(index)
    load = np.zeros((folds, int(classes.max()) + 1), dtype=np.int64)
    # The largest patients first, each to the fold that has least of their class.
    for members in sorted(patients.values(), key=len, reverse=True):
        kind = classes[members[0]]
        fold = int(np.lexsort((load.sum(axis=1), load[:, kind]))[0])
        assigned[members] = fold
        load[fold] += np.bincount(classes[members], minlength=load.shape[1])
    return assigned


def _embed_all(
    images: Sequence[LabelledImage], embedder: OnnxEmbedder, progress: Callable[[str], None]
) -> _Features:
    pixels = [image.pixels() for image in images]
    labels = tuple(sorted({image.pair for image in images}))
    index_of = {label: index for index, label in enumerate(labels)}

    def embedded(variant: augmentation.Variant) -> Floats:
        progress(f"embedding {len(images)} images: {variant.__name__}")
        parts = [
            embedder.embed([preprocess(variant(one)) for one in pixels[start : start + _BATCH]])
            for start in range(0, len(pixels), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float64)

    return _Features(
        fitted=[embedded(variant) for variant in augmentation.FITTED],
        unseen=[embedded(variant) for variant in augmentation.UNSEEN],
        classes=np.array([index_of[image.pair] for image in images], dtype=np.int64),
        labels=labels,
    )


def _fit(
    features: _Features, chosen: npt.NDArray[np.bool_], *, with_unseen: bool
) -> tuple[Floats, Floats]:
    variants = features.fitted + (features.unseen if with_unseen else [])
    return fit_logistic(
        np.concatenate([variant[chosen] for variant in variants]),
        np.tile(features.classes[chosen], len(variants)),
        count=len(features.labels),
        strength=_STRENGTH,
    )


def _measure(images: Sequence[LabelledImage], features: _Features, folds: Integers) -> HeadReport:
    count = len(features.labels)
    plain = np.zeros((len(images), count))
    shifted = np.zeros((len(features.unseen), len(images), count))
    for fold in range(int(folds.max()) + 1):
        held_out = folds == fold
        weights, bias = _fit(features, ~held_out, with_unseen=False)
        plain[held_out] = features.fitted[0][held_out] @ weights.T + bias
        for index, variant in enumerate(features.unseen):
            shifted[index, held_out] = variant[held_out] @ weights.T + bias
    shifted_scores = shifted.reshape(-1, count)
    shifted_classes = np.tile(features.classes, len(features.unseen))
    temperature = max(_LEAST_TEMPERATURE, fit_temperature(shifted_scores, shifted_classes))
    answers = plain.argmax(axis=1)
    truth = features.classes
    return HeadReport(
        images=len(images),
        patients=len({image.patient for image in images}),
        accuracy=float((answers == truth).mean()),
        modality_accuracy=_part_accuracy(features.labels, answers, truth, part=0),
        body_part_accuracy=_part_accuracy(features.labels, answers, truth, part=1),
        shifted_accuracy=float((shifted_scores.argmax(axis=1) == shifted_classes).mean()),
        recall={
            label: float((answers[truth == index] == index).mean())
            for index, label in enumerate(features.labels)
        },
        temperature=temperature,
        calibration_error=calibration_error(plain / temperature, truth),
        shifted_calibration_error=calibration_error(shifted_scores / temperature, shifted_classes),
    )


def _part_accuracy(
    labels: tuple[str, ...], answers: Integers, truth: Integers, *, part: int
) -> float:
    terms = np.array([label.split("/")[part] for label in labels])
    return float((terms[answers] == terms[truth]).mean())
