"""Embedding spaces as the life cycle knows them: described, projected, in any state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.models import EmbeddingSpace, ModelVersion
from inference.pipelines.descriptors import DESCRIPTORS
from inference.similarity.spaces.registry import SpaceOrigin, register_space
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Series

HISTOGRAM = "intensity-histogram-v1"


def make_descriptor_space(
    name: str = HISTOGRAM, *, state: str = EmbeddingSpace.State.REGISTERED
) -> EmbeddingSpace:
    """Return the space of a classical descriptor, which needs no weights."""
    descriptor = DESCRIPTORS[name]
    version = ModelVersionFactory(
        name=name,
        task=ModelVersion.Task.EMBED,
        state=ModelVersion.State.DRAFT,
        pipeline="descriptor",
        config={"descriptor": name},
    )
    return register_space(
        version,
        dimension=descriptor.dimension,
        name=name,
        state=state,
        origin=SpaceOrigin(
            weights_digest=version.digest,
            preprocessing_version=descriptor.version,
            metric=descriptor.metric,
        ),
    )


def series_in(space: EmbeddingSpace) -> set[int]:
    """Return the keys of series that have a vector of their own in a space."""
    rows = space.embeddings.filter(level="series")
    return set(rows.values_list("series_id", flat=True))


def keys_of(series: list[Series]) -> set[int]:
    """Return the keys of series."""
    return {one.pk for one in series}
