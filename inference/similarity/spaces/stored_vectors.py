"""Vectors of what is stored: as kept, or made now where none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.models import Embedding
from inference.similarity.feedback import unit
from inference.similarity.metrics import is_normalised
from inference.similarity.pictures import stored_picture
from inference.similarity.spaces.embedder import embed_pictures

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from archive.models import Instance
    from inference.models import EmbeddingSpace

    Vector = npt.NDArray[np.float32]


def vector_of_instance(
    space: EmbeddingSpace, instance: Instance, frame: int | None = None
) -> Vector:
    """Return the vector of an instance or of one of its frames; embedded now where none is kept.

    Parameters
    ----------
    space : in which the vector lies
    instance : inside the asker's rights, with its blob
    frame : from 1; None for the whole instance

    Returns
    -------
    (dimension,) float32

    Raises
    ------
    InvalidQueryError
        The instance has no such frame.
    ModelUnavailableError
        It has to be embedded, and the encoder is not on this machine.
    """
    rows = Embedding.objects.filter(space=space, instance=instance)
    is_single = (instance.number_of_frames or 1) <= 1
    if frame is None or (frame == 1 and is_single):
        stored = rows.filter(level=Embedding.Level.INSTANCE).first()
    else:
        stored = rows.filter(level=Embedding.Level.FRAME, frame=frame).first()
    if stored is not None:
        return np.asarray(stored.vector, dtype=np.float32)
    (vector,) = embed_pictures(space, [stored_picture(instance, frame)])
    return np.asarray(vector)


def mean_vector_of_series(space: EmbeddingSpace, series_ids: Iterable[int]) -> Vector | None:
    """Return the mean of the vectors of series.

    Parameters
    ----------
    space : in which the vectors lie
    series_ids : keys

    Returns
    -------
    (dimension,) float32, of length 1 where the space's vectors are; None where no series has one.
    """
    rows = Embedding.objects.filter(
        space=space, level=Embedding.Level.SERIES, series_id__in=list(series_ids)
    )
    vectors = [np.asarray(row.vector, dtype=np.float32) for row in rows]
    if len(vectors) <= 1:
        return vectors[0] if vectors else None
    mean = np.mean(vectors, axis=0)
    return unit(mean) if is_normalised(space.metric) else np.asarray(mean, dtype=np.float32)
