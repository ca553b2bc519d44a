"""Images to vectors: what is not yet embedded of a series, then the series' own vector."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from archive.dicom.rendering import render_frame
from archive.errors import ArchiveError
from archive.retrieve.datasets import load_dataset
from inference.errors import UnsupportedInputError
from inference.models import Embedding, EmbeddingSpace
from inference.pipelines.ahead import done_ahead
from inference.pipelines.embedding import spread_indices
from inference.runs.execution.batching import small_cases_beside
from inference.runs.execution.gpu_embedding import batch_images, quick_encoder
from inference.runs.execution.inputs import image_instances
from inference.runs.types import RunOutcome
from inference.similarity.spaces.embedder import encoder_of
from inference.similarity.spaces.projections import project_new_vectors, project_series
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from archive.models import Instance, Series
    from inference.models import ModelVersion, Run
    from inference.similarity.spaces.embedder import Encoder

logger = logging.getLogger(__name__)

# Of a multi-frame instance, so many evenly spaced frames get vectors of their own.
MAX_FRAMES = 32

# Instance, frame number where it is one of several, what the encoder takes.
_Prepared = tuple["Instance", int | None, "npt.NDArray[np.float32]"]


def run_embedding(run: Run) -> RunOutcome:
    """Embed the series of a run, and small ones that wait for the same model in the same batch.

    Raises
    ------
    UnsupportedInputError
        Not one of its images could be decoded.
    """
    beside = small_cases_beside(run)
    embedded, unreadable, device = ensure_embedded(run.model_version, run.series, beside=beside)
    message = f"{embedded} images embedded."
    if unreadable:
        message += f" {unreadable} could not be decoded."
    return RunOutcome(device=device, message=message, outputs={"unreadable": unreadable})


def ensure_embedded(
    version: ModelVersion, series: Series, *, beside: Sequence[Series] = ()
) -> tuple[int, int, str]:
    """Embed what is missing of a series; return how many, how many failed, and the device.

    Parameters
    ----------
    beside
        further series for the same batches; what becomes of them is their own runs' matter

    Raises
    ------
    UnsupportedInputError
        Not one of the series' images could be decoded.
    """
    space = EmbeddingSpace.objects.select_related("base_space__model_version").get(
        model_version=version
    )
    if space.base_space is not None:
        made = ensure_embedded(space.base_space.model_version, series)
        project_series(space, [series.pk])
        return made
    encoder = quick_encoder(space, encoder_of(space))
    missing = [row for one in (series, *beside) for row in _missing(space, one)]
    unreadable: set[int] = set()
    embedded: set[int] = set()
    groups = _prepared(missing, encoder, unreadable)
    for batch in _batches(groups, batch_images(encoder.device)):
        vectors = encoder.embed([image for _, _, image in batch])
        found = [
            InstanceVector(instance_id=instance.pk, frame=frame, vector=vector)
            for (instance, frame, _), vector in zip(batch, vectors, strict=True)
        ]
        store_embeddings(space=space, vectors=found)
        embedded.update(instance.pk for instance, _, _ in batch)
    has_vector = [_summarise(space, one) for one in (series, *beside)]
    if not has_vector[0]:
        raise UnsupportedInputError("None of the series' images could be decoded.")
    own = {row.pk for row in missing if row.series_id == series.pk}
    return len(embedded & own), len(unreadable & own), encoder.device


def _missing(space: EmbeddingSpace, series: Series) -> list[Instance]:
    in_space = Embedding.objects.filter(space=space, series=series, level=Embedding.Level.INSTANCE)
    done = set(in_space.values_list("instance_id", flat=True))
    return [row for row in image_instances(series) if row.pk not in done]


def _summarise(space: EmbeddingSpace, series: Series) -> bool:
    """Give the series its own vector, in projected spaces too; whether it has one."""
    if not refresh_series_embedding(space=space, series_id=series.pk):
        return False
    project_new_vectors(space, series.pk)
    return True


def _prepared(
    instances: list[Instance], encoder: Encoder, unreadable: set[int]
) -> Iterator[list[_Prepared]]:
    """Yield each instance's images together: their mean is taken in one call.

    They are read and decoded in other threads while the network works on those before them.
    """
    prepare = partial(_prepare, encoder=encoder)
    for instance, images in zip(instances, done_ahead(prepare, instances), strict=True):
        if images:
            yield images
        else:
            unreadable.add(instance.pk)


def _prepare(instance: Instance, encoder: Encoder) -> list[_Prepared]:
    """Read and decode an instance's images; none where they can't be. Asks no database."""
    count = max(instance.number_of_frames or 1, 1)
    try:
        ds = load_dataset(instance)
        return [
            (instance, index + 1 if count > 1 else None, encoder.prepare(render_frame(ds, index)))
            for index in spread_indices(count, MAX_FRAMES)
        ]
    except ArchiveError as error:
        logger.warning("instance not embedded", extra={"instance": instance.pk, "code": error.code})
        return []


def _batches(groups: Iterator[list[_Prepared]], size: int) -> Iterator[list[_Prepared]]:
    batch: list[_Prepared] = []
    for group in groups:
        if batch and len(batch) + len(group) > size:
            yield batch
            batch = []
        batch = batch + group
    if batch:
        yield batch
