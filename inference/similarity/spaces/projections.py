"""Projected spaces: a matrix over a base space's vectors; no image is read again."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import transaction

from inference.models import Embedding, EmbeddingSpace, ModelVersion, Projection
from inference.similarity.spaces.registry import SpaceOrigin, register_space
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    import numpy.typing as npt

    from inference.pipelines.projection import Projection as Matrix

# Matrices of a few hundred kilobytes.
_KEPT_MATRICES = 16
_LEAST_NORM = 1e-6
_MAX_NAME = 64


def load_projection(space: EmbeddingSpace) -> Matrix:
    """Return the matrix of a projected space, read once a process.

    Parameters
    ----------
    space : with a projection

    Returns
    -------
    The pure projection: `apply` takes base vectors.
    """
    if space.projection_id is None:
        raise ValueError(f"{space.name} is no projected space")
    return _load(space.projection_id)


@lru_cache(maxsize=_KEPT_MATRICES)
def _load(projection_id: int) -> Matrix:
    from inference.pipelines.projection import Projection as Matrix  # noqa: PLC0415 few need it

    return Matrix.from_bytes(bytes(Projection.objects.get(pk=projection_id).matrix))


class Fitted(NamedTuple):
    """A projection and what it was fitted on, before it is a space."""

    matrix: Matrix
    number_of_vectors: int
    parameters: dict[str, Any]
    label_sets: tuple[str, ...] = ()


def register_projected_space(*, base: EmbeddingSpace, kind: str, fitted: Fitted) -> EmbeddingSpace:
    """Make a new version of a projected space beside those that are there; it is filled next.

    Parameters
    ----------
    base : space whose vectors are projected; no projected one itself
    kind : of `Projection.Kind`
    fitted : the matrix and what it was fitted on

    Returns
    -------
    A space named ``<base>-<kind>-<n>`` in the state registered.
    """
    content = fitted.matrix.to_bytes()
    model = f"{base.name}-{kind}"[: _MAX_NAME - 6]
    with transaction.atomic():
        # One at a time over a base, so that two fits can't take the same number.
        EmbeddingSpace.objects.select_for_update(of=("self",)).get(pk=base.pk)
        number = 1 + _last_number(model)
        projection = Projection.objects.create(
            kind=kind,
            matrix=content,
            sha256=fitted.matrix.sha256,
            parameters=fitted.parameters,
            label_sets=list(fitted.label_sets),
            number_of_vectors=fitted.number_of_vectors,
        )
        version = ModelVersion.objects.create(
            name=model,
            version=str(number),
            task=ModelVersion.Task.EMBED,
            pipeline="projection",
            digest=fitted.matrix.sha256,
            description=f"{projection.get_kind_display()} over {base.name}.",
            is_trusted=True,
        )
        return register_space(
            version,
            name=f"{model}-{number}",
            dimension=fitted.matrix.dimension,
            state=EmbeddingSpace.State.REGISTERED,
            origin=SpaceOrigin(
                weights_digest=base.weights_digest,
                preprocessing_version=base.preprocessing_version,
                metric=EmbeddingSpace.Metric.COSINE,
                base_space=base,
                projection=projection,
            ),
        )


def project_series(space: EmbeddingSpace, series_ids: Collection[int]) -> int:
    """Write the vectors of series in a projected space, from those of its base.

    Parameters
    ----------
    space : projected space
    series_ids : keys; those without base vectors are passed over

    Returns
    -------
    How many images and frames were written.
    """
    if space.base_space_id is None or not series_ids:
        return 0
    objects, vectors = _base_vectors(space.base_space_id, series_ids)
    if not objects:
        return 0
    projected = projected_vectors(load_projection(space), vectors)
    found = [
        InstanceVector(instance_id=instance_id, frame=frame, vector=vector)
        for (instance_id, frame), vector in zip(objects, projected, strict=True)
    ]
    store_embeddings(space=space, vectors=found)
    for series_id in series_ids:
        refresh_series_embedding(space=space, series_id=series_id)
    return len(found)


def projected_vectors(matrix: Matrix, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Project vectors so that each has a direction.

    Parameters
    ----------
    matrix : of the projected space
    vectors : (n, d) of its base

    Returns
    -------
    (n, dimension) float32 of length 1. What is exactly the mean of what the matrix was fitted on
    has no direction of its own; all such vectors have the same one.
    """
    found = matrix.apply(vectors)
    found[np.linalg.norm(found, axis=1) <= _LEAST_NORM] = 1 / np.sqrt(matrix.dimension)
    return found


def project_new_vectors(base: EmbeddingSpace, series_id: int) -> int:
    """Carry a series' new vectors into every space that is projected from their space.

    Parameters
    ----------
    base : space in which the vectors were written just now
    series_id : key of the series

    Returns
    -------
    In how many spaces.
    """
    spaces = [space for space in base.projected_spaces.all() if is_kept_up(space)]
    for space in spaces:
        project_series(space, [series_id])
    return len(spaces)


def is_kept_up(space: EmbeddingSpace) -> bool:
    """Tell whether what arrives is embedded in a space: ready, or being filled and not paused.

    Parameters
    ----------
    space : stored space

    Returns
    -------
    True also for a default space in any state, which is what people search.
    """
    if space.is_default or space.state == EmbeddingSpace.State.READY:
        return True
    fill = getattr(space, "fill", None)
    return space.state == EmbeddingSpace.State.FILLING and not (fill and fill.is_paused)


def _base_vectors(
    base_id: int, series_ids: Collection[int]
) -> tuple[list[tuple[int, int | None]], npt.NDArray[np.float32]]:
    """Return instances and frames of the base; of an instance with frames, the frames alone.

    Its mean is taken anew of what they become, as it is where images are embedded.
    """
    rows = Embedding.objects.filter(space_id=base_id, series_id__in=series_ids).exclude(
        level=Embedding.Level.SERIES
    )
    found: Sequence[tuple[int, int | None, Any]] = list(
        rows.order_by("instance_id", "frame").values_list("instance_id", "frame", "vector")
    )
    with_frames = {instance_id for instance_id, frame, _ in found if frame is not None}
    kept = [row for row in found if row[1] is not None or row[0] not in with_frames]
    vectors = np.array([row[2] for row in kept], dtype=np.float32)
    return [(row[0], row[1]) for row in kept], vectors


def _last_number(model: str) -> int:
    numbers = ModelVersion.objects.filter(name=model).values_list("version", flat=True)
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
