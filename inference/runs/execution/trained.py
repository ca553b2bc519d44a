"""What a series shows, by a classifier that was trained here, as statements and as SR."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.utils.translation import gettext_noop

from archive.dicom.rendering import render_frame
from archive.errors import ArchiveError
from archive.retrieve.datasets import load_dataset
from inference.bundles.gates import notice_of
from inference.bundles.trust import trusted_copy
from inference.errors import UnsupportedInputError
from inference.models import Embedding
from inference.pipelines.classifier import VECTOR, TrainedClassifier
from inference.pipelines.embedding import spread_indices
from inference.results.sr import build_classification_sr
from inference.results.types import Evaluation
from inference.runs.execution.embedding import ensure_embedded
from inference.runs.execution.inputs import image_instances
from inference.runs.execution.storing import algorithm_of, identity_of, store_once
from inference.runs.types import FindingValue, RunOutcome
from inference.similarity.spaces.registry import find_space

if TYPE_CHECKING:
    import numpy.typing as npt

    from inference.models import Run
    from inference.results.types import CodeTriple

logger = logging.getLogger(__name__)

# Of a long series so many evenly spaced images answer together.
MAX_IMAGES = 32
_FINDING: CodeTriple = ("121071", "DCM", "Finding")


def run_trained_classification(run: Run) -> RunOutcome:
    """Say which of its classes a series shows, by the mean over its images.

    Raises
    ------
    BundleNotTrustedError
        The bundle's files are not those that were registered.
    UnsupportedInputError
        None of the series' images could be decoded.
    """
    version = run.model_version
    began = time.monotonic()
    with trusted_copy(Path(version.bundle_path), version.digest) as bundle:
        classifier = TrainedClassifier(bundle)
        inputs = (
            _vectors(run, classifier) if _is_on_vectors(classifier) else _images(run, classifier)
        )
        read = time.monotonic()
        mean = classifier.predict(inputs).mean(axis=0)
    inferred = time.monotonic()
    facts, best = classifier.facts, int(mean.argmax())
    probability = min(1.0, float(mean[best]))
    sr = _store_report(run, classifier, best, probability)
    timings = {"read": read - began, "infer": inferred - read, "store": time.monotonic() - inferred}
    others = ", ".join(
        f"{label} {value:.2f}" for label, value in zip(facts.labels, mean, strict=True)
    )
    return RunOutcome(
        device=classifier.device,
        message=f"{others}."[:500],
        findings=(
            FindingValue(
                kind="classification",
                name=facts.question[:64],
                label=facts.labels[best][:64],
                probability=round(probability, 4),
            ),
        ),
        outputs={"sr": sr},
        timings={step: round(seconds, 3) for step, seconds in timings.items()},
    )


def _is_on_vectors(classifier: TrainedClassifier) -> bool:
    return classifier.facts.kind == VECTOR


def _vectors(run: Run, classifier: TrainedClassifier) -> npt.NDArray[np.float32]:
    """Return the vectors of the similarity search; where they are missing they are made first."""
    space = find_space(classifier.facts.space, in_any_state=True)
    ensure_embedded(space.model_version, run.series)
    rows = Embedding.objects.filter(
        space=space, series=run.series, level=Embedding.Level.INSTANCE
    ).order_by("instance_id")
    vectors = [np.asarray(row.vector, dtype=np.float32) for row in rows]
    if not vectors:
        raise UnsupportedInputError(gettext_noop("None of the series' images could be decoded."))
    return np.stack([vectors[place] for place in spread_indices(len(vectors), MAX_IMAGES)])


def _images(run: Run, classifier: TrainedClassifier) -> npt.NDArray[np.float32]:
    instances = image_instances(run.series)
    prepared = []
    for place in spread_indices(len(instances), MAX_IMAGES):
        instance = instances[place]
        try:
            ds = load_dataset(instance)
            picture = render_frame(ds, max(instance.number_of_frames or 1, 1) // 2)
        except ArchiveError as error:
            logger.warning("image left out", extra={"instance": instance.pk, "code": error.code})
            continue
        prepared.append(classifier.prepare(picture))
    if not prepared:
        raise UnsupportedInputError(gettext_noop("None of the series' images could be decoded."))
    return np.stack(prepared)


def _store_report(run: Run, classifier: TrainedClassifier, best: int, probability: float) -> str:
    identity = identity_of(run, "sr", f"{run.model_version.name}: classification")
    sources = image_instances(run.series)
    notice = notice_of(run.model_version)
    return store_once(
        run,
        identity,
        lambda: build_classification_sr(
            source_datasets=[load_dataset(row, stop_before_pixels=True) for row in sources],
            evaluations=[
                Evaluation(
                    name=_FINDING, value=classifier.facts.codes[best], probability=probability
                )
            ],
            algorithm=algorithm_of(run, device=classifier.device),
            identity=identity,
            notes=[notice] if notice else [],
        ),
    )
