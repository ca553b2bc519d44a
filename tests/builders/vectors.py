"""Cases with vectors, without pixels: for the search alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.models import EmbeddingSpace, ModelVersion
from inference.similarity.spaces.registry import register_space
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from archive.models import Patient, Project, Series

DIMENSION = 8


def make_space(*, dimension: int = DIMENSION, is_default: bool = True) -> EmbeddingSpace:
    """Return a registered space with its indexes and no encoder."""
    version = ModelVersionFactory(task=ModelVersion.Task.EMBED, pipeline="lite0")
    return register_space(version, dimension=dimension, is_default=is_default)


def direction(angle: float, *, dimension: int = DIMENSION) -> npt.NDArray[np.float32]:
    """Return a unit vector whose cosine with ``direction(0)`` is that of the angle (radians)."""
    vector = np.zeros(dimension, dtype=np.float32)
    vector[0], vector[1] = np.cos(angle), np.sin(angle)
    return vector


def make_case(
    space: EmbeddingSpace,
    vectors: Sequence[npt.NDArray[np.float32]],
    *,
    projects: Iterable[Project],
    patient: Patient | None = None,
    study: dict[str, Any] | None = None,
    **series: Any,
) -> Series:
    """Return a new series of a new study with one instance a vector, all of them embedded."""
    owner = patient if patient is not None else PatientFactory()
    made_study = StudyFactory(patient=owner, projects=list(projects), **(study or {}))
    made = SeriesFactory(study=made_study, **series)
    embed_instances(space, made, vectors)
    return made


def embed_instances(
    space: EmbeddingSpace, series: Series, vectors: Sequence[npt.NDArray[np.float32]]
) -> None:
    """Add one instance a vector to a series, and refresh its own vector."""
    instances = [InstanceFactory(series=series) for _ in vectors]
    store_embeddings(
        space=space,
        vectors=[
            InstanceVector(instance_id=instance.pk, vector=vector)
            for instance, vector in zip(instances, vectors, strict=True)
        ],
    )
    refresh_series_embedding(space=space, series_id=series.pk)
