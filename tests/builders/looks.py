"""A small archive of demonstration pictures with vectors that were made from them."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.reading import read_dataset
from archive.dicom.rendering import render_frame
from deploy.demo.cohort import BRAIN_MR, CHEST_FILM, visits
from deploy.demo.datasets import series_files
from deploy.demo.pictures import series_of
from inference.models import EmbeddingSpace
from inference.similarity.spaces.embedder import embed_pictures
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector
from tests.builders.spaces import make_descriptor_space
from tests.builders.stored import store_bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from archive.models import Instance, Project, Series

# Persons of the demonstration, the case in hand first.
FILMS = (4, 2, 5, 7)
BRAINS = (17, 22, 19)
SPACE = "texture-v1"
_vectors: dict[str, npt.NDArray[np.float32]] = {}


@dataclass(frozen=True)
class Looks:
    """What is stored: films of one image each, and brains of nine slices each."""

    space: EmbeddingSpace
    films: list[Series]
    brains: list[Series]


@functools.cache
def _files(number: int, kind: str) -> tuple[bytes, ...]:
    visit = next(one for one in visits() if (one.person.number, one.kind) == (number, kind))
    first = next(iter(series_of(visit)))
    return tuple(file.content for file in series_files(first))[::2]


def make_looks(project: Project) -> Looks:
    """Store films and brains, and embed each of their images by a descriptor."""
    space = make_descriptor_space(SPACE)
    EmbeddingSpace.objects.filter(pk=space.pk).update(state="ready", is_default=True)
    space.refresh_from_db()
    return Looks(
        space=space,
        films=[_embedded(space, number, CHEST_FILM, project) for number in FILMS],
        brains=[_embedded(space, number, BRAIN_MR, project) for number in BRAINS],
    )


def _embedded(space: EmbeddingSpace, number: int, kind: str, project: Project) -> Series:
    contents = _files(number, kind)
    instances = store_bytes(*contents, project=project)
    vectors = [
        InstanceVector(instance_id=instance.pk, vector=_vector(space, instance, content))
        for instance, content in zip(instances, contents, strict=True)
    ]
    store_embeddings(space=space, vectors=vectors)
    series = instances[0].series
    refresh_series_embedding(space=space, series_id=series.pk)
    return series


def _vector(space: EmbeddingSpace, instance: Instance, content: bytes) -> npt.NDArray[np.float32]:
    uid = instance.sop_instance_uid
    if uid not in _vectors:
        picture = render_frame(read_dataset(io.BytesIO(content)), 0)
        _vectors[uid] = embed_pictures(space, [picture])[0]
    return _vectors[uid]
