"""Write vectors: in bulk, idempotent, and never one that has no direction."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from archive.models import Instance, Series
from archive.models.turns import take_turn
from inference.models import Embedding, EmbeddingSpace
from inference.similarity.errors import InvalidVectorError
from inference.similarity.metrics import is_normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from inference.similarity.types import InstanceVector

_BATCH_SIZE = 500
_IDENTITY = ["space", "level", "series", "instance", "frame"]
# Under which the mean of a series is taken.
_SERIES_LOCK = 0x5457534D
_LEAST_NORM = 1e-6
# What halfvec can hold.
_MAX_VALUE = 65504.0


def store_embeddings(*, space: EmbeddingSpace, vectors: Sequence[InstanceVector]) -> int:
    """Write vectors of instances and frames, over those already there.

    A multi-frame instance whose frames come without a vector of its own gets the normalised mean
    of its frames in this call. The series' vector is `refresh_series_embedding`'s.

    Parameters
    ----------
    space : the space all of them belong to
    vectors : of any number of instances and series; of two for one object the last one counts

    Returns
    -------
    How many rows were written.

    Raises
    ------
    InvalidVectorError
        A vector has another length than the space, is not finite or, where lengths are 1, is
        zero; or an instance is not in the archive. Nothing is written then.
    """
    by_object = {
        (item.instance_id, item.frame): _stored_vector(item.vector, space) for item in vectors
    }
    _add_means_of_frames(by_object, is_unit=is_normalised(space.metric))
    parents = _parents({instance_id for instance_id, _ in by_object})
    # One order of keys for all writers, so that two of them can't wait for each other.
    ordered = sorted(by_object, key=lambda key: (key[0], key[1] or 0))
    rows = [
        Embedding(
            space=space,
            level=Embedding.Level.INSTANCE if frame is None else Embedding.Level.FRAME,
            study_id=parents[instance_id][1],
            series_id=parents[instance_id][0],
            instance_id=instance_id,
            frame=frame,
            vector=by_object[instance_id, frame],
        )
        for instance_id, frame in ordered
    ]
    with transaction.atomic():
        _upsert(rows)
    return len(rows)


def refresh_series_embedding(*, space: EmbeddingSpace, series_id: int) -> bool:
    """Set a series' vector to the normalised mean of its instances' vectors.

    What was deleted or rejected by a note does not count, unless nothing else is there: a series
    that is hidden as a whole has its vector at once when that is undone.

    Parameters
    ----------
    space : whose vectors to average
    series_id : key of the series

    Returns
    -------
    False where the series has no direction: it has no instance vectors, or they cancel out. Its
    own vector is deleted then.
    """
    with transaction.atomic():
        # Two batches of a series may end at once: the second must see the first one's vectors.
        take_turn(_SERIES_LOCK, f"{space.pk} {series_id}")
        in_series = Embedding.objects.filter(space=space, series_id=series_id)
        rows = list(
            in_series.filter(level=Embedding.Level.INSTANCE).values_list(
                "vector", "study_id", "instance__withheld"
            )
        )
        rows = [row for row in rows if row[2] == Instance.Withheld.NOT] or rows
        mean = _mean(
            [np.asarray(row[0], dtype=np.float64) for row in rows],
            is_unit=is_normalised(space.metric),
        )
        if mean is None:
            in_series.filter(level=Embedding.Level.SERIES).delete()
            return False
        row = Embedding(
            space=space,
            level=Embedding.Level.SERIES,
            study_id=rows[0][1],
            series_id=series_id,
            vector=mean,
        )
        _upsert([row])
    return True


def refresh_means(series_ids: Iterable[int]) -> int:
    """Take the means anew of series some of whose instances were withheld, or are shown again.

    Parameters
    ----------
    series_ids : keys; those hidden as a whole are passed over

    Returns
    -------
    How many vectors of series were taken anew, over all spaces.
    """
    rows = Embedding.objects.filter(
        level=Embedding.Level.INSTANCE,
        series_id__in=list(series_ids),
        series__withheld=Series.Withheld.NOT,
    ).order_by("space_id", "series_id")
    found = list(rows.values_list("space_id", "series_id").distinct())
    spaces = EmbeddingSpace.objects.in_bulk({space_id for space_id, _ in found})
    for space_id, series_id in found:
        refresh_series_embedding(space=spaces[space_id], series_id=series_id)
    return len(found)


def delete_embeddings(*, space: EmbeddingSpace, series_id: int) -> int:
    """Delete a series' vectors of all levels in one space.

    Parameters
    ----------
    space : other spaces keep theirs
    series_id : key of the series

    Returns
    -------
    How many rows were deleted.
    """
    return Embedding.objects.filter(space=space, series_id=series_id).delete()[0]


def _stored_vector(vector: npt.ArrayLike, space: EmbeddingSpace) -> npt.NDArray[np.float32]:
    values = np.asarray(vector, dtype=np.float64)
    if values.shape != (space.dimension,):
        raise InvalidVectorError(f"A vector of this space has {space.dimension} numbers.")
    if not np.isfinite(values).all():
        raise InvalidVectorError("A vector must be finite.")
    if not is_normalised(space.metric):
        if np.abs(values).max() > _MAX_VALUE:
            raise InvalidVectorError(f"A vector's numbers lie within {_MAX_VALUE:.0f} of zero.")
        return values.astype(np.float32)
    norm = float(np.linalg.norm(values))
    if norm < _LEAST_NORM:
        raise InvalidVectorError("A zero vector has no direction.")
    return (values / norm).astype(np.float32)


def _mean(
    vectors: Sequence[npt.NDArray[np.floating]], *, is_unit: bool
) -> npt.NDArray[np.float32] | None:
    if not vectors:
        return None
    mean = np.asarray(np.mean(np.stack(vectors), axis=0, dtype=np.float64))
    if not is_unit:
        return mean.astype(np.float32)
    norm = float(np.linalg.norm(mean))
    return None if norm < _LEAST_NORM else np.asarray(mean / norm, dtype=np.float32)


def _add_means_of_frames(
    by_object: dict[tuple[int, int | None], npt.NDArray[np.float32]], *, is_unit: bool
) -> None:
    frames = defaultdict(list)
    for (instance_id, frame), vector in by_object.items():
        if frame is not None and (instance_id, None) not in by_object:
            frames[instance_id].append(vector)
    for instance_id, vectors in frames.items():
        mean = _mean(vectors, is_unit=is_unit)
        if mean is not None:
            by_object[instance_id, None] = mean


def _parents(instance_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    wanted = set(instance_ids)
    rows = Instance.objects.filter(pk__in=wanted).values_list("pk", "series_id", "series__study_id")
    found = {pk: (series_id, study_id) for pk, series_id, study_id in rows}
    if len(found) != len(wanted):
        raise InvalidVectorError("A vector belongs to an instance of the archive.")
    return found


def _upsert(rows: Sequence[Embedding]) -> None:
    Embedding.objects.bulk_create(
        rows,
        batch_size=_BATCH_SIZE,
        update_conflicts=True,
        unique_fields=_IDENTITY,
        update_fields=["vector", "study"],
    )
