"""What close means: a cut in a space's own scores, calibrated from what the archive holds.

The rule, for each space, stored level and modality, and for all modalities together (the numbers
that are not here stand in `cuts`):

1. Up to `SAMPLED` objects of the modality, drawn at random, each find their nearest neighbours
   among the objects of other patients, of whatever modality. Fewer than `LEAST_OBJECTS` objects
   or `LEAST_PATIENTS` patients are not calibrated.
2. Without labels the cut is the `UNLABELLED_SHARE` quantile of the scores of the nearest: so
   few of the archive's own objects would be told that nothing is close.
3. With labels it is the lowest score from which on at least `PRECISION` of the first
   `NEIGHBOURS` neighbours share a label with the object that asked; the strictest of the sets
   of labels that have at least `LEAST_PAIRS` labelled pairs and reach that precision. Labels
   may only raise the cut, and no further than the `HIGHEST_SHARE` quantile: they know nothing
   of what the archive has never seen, and must not declare everything far either.
4. A query whose nearest score lies below the `LOWEST_SHARE` quantile is out of distribution:
   further from everything than what the archive holds lies from each other.

These are statistics of the whole archive, refreshed when it has changed by a tenth, the same for
every asker, and rounded: they say nothing of a case that the asker may not see.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction
from django.utils import timezone

from inference.models import Calibration, Embedding, EmbeddingSpace
from inference.similarity.quality.cuts import cut_of, nearest_others, together
from inference.similarity.quality.figures import comparable
from inference.similarity.selectors import labels_of
from inference.similarity.types import Level

if TYPE_CHECKING:
    import numpy.typing as npt

    from inference.similarity.quality.cuts import Cut, Neighbours

SAMPLED = 200
# Objects that may be found; of a larger archive so many, drawn at random. Nearest scores are
# then a little low, and the cut errs towards saying nothing.
GALLERY = 20_000
LEAST_OBJECTS = 30
LEAST_PATIENTS = 10
# Measured anew when a level has changed by this share, and each day for what people labelled.
STALE_SHARE = 0.1
STALE_AFTER = timedelta(days=1)
_BATCH = 1000
# Frames are judged as images are.
LEVELS = (Embedding.Level.INSTANCE.value, Embedding.Level.SERIES.value)


@dataclass(frozen=True, slots=True)
class _Objects:
    """Drawn objects of a level: keys for labels, modality and patient, comparable vectors."""

    hits: list[tuple[int, int, int | None]]
    modalities: npt.NDArray[np.str_]
    patients: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


def calibrate_space(space: EmbeddingSpace, *, seed: int | None = None) -> int:
    """Measure every level and modality of a space anew, and keep the cuts.

    Parameters
    ----------
    space : whose vectors
    seed : for a repeatable draw

    Returns
    -------
    How many cuts there are now.
    """
    return sum(_calibrate_level(space, level, seed) for level in LEVELS)


def refresh_stale_calibrations() -> int:
    """Calibrate the levels anew that have changed, of spaces that answer.

    Returns
    -------
    How many levels of spaces were measured.
    """
    measured = 0
    for space in EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.READY):
        for level in LEVELS:
            if _is_stale(space, level):
                _calibrate_level(space, level, None)
                measured += 1
    return measured


def _is_stale(space: EmbeddingSpace, level: str) -> bool:
    number = Embedding.objects.filter(space=space, level=level).count()
    kept = Calibration.objects.filter(space=space, level=level, modality="").first()
    if kept is None:
        return number >= LEAST_OBJECTS
    changed = abs(number - kept.number_of_objects) >= STALE_SHARE * kept.number_of_objects
    return changed or kept.created_at < timezone.now() - STALE_AFTER


def _calibrate_level(space: EmbeddingSpace, level: str, seed: int | None) -> int:
    number = Embedding.objects.filter(space=space, level=level).count()
    objects = _draw(space, level, seed) if number >= LEAST_OBJECTS else None
    rows = _measured(space, level, objects, number, seed) if objects else []
    with transaction.atomic():
        names = [row.modality for row in rows]
        Calibration.objects.filter(space=space, level=level).exclude(modality__in=names).delete()
        Calibration.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["space", "level", "modality"],
            update_fields=["cut", "nearest_quantiles", "number_of_objects", "created_at"],
        )
    return len(rows)


def _measured(
    space: EmbeddingSpace, level: str, objects: _Objects, number: int, seed: int | None
) -> list[Calibration]:
    rng = np.random.default_rng(seed)
    members = {
        modality: rng.permutation(np.flatnonzero(objects.modalities == modality))
        for modality in sorted(set(objects.modalities.tolist()))
    }
    neighbours = {
        modality: nearest_others(objects.vectors, objects.patients, rows[:SAMPLED], space.metric)
        for modality, rows in members.items()
    }
    every = together(list(neighbours.values()))
    labels = _labels(level, objects, every)
    made = [
        _row(space, level, modality, len(rows), cut_of(neighbours[modality], labels))
        for modality, rows in members.items()
        if modality and len(rows) >= LEAST_OBJECTS and _patients(objects, rows) >= LEAST_PATIENTS
    ]
    if _patients(objects, np.arange(len(objects.patients))) >= LEAST_PATIENTS:
        made.append(_row(space, level, "", number, cut_of(every, labels)))
    return made


def _row(space: EmbeddingSpace, level: str, modality: str, number: int, cut: Cut) -> Calibration:
    return Calibration(
        space=space,
        level=level,
        modality=modality,
        cut=cut.cut,
        nearest_quantiles=list(cut.nearest_quantiles),
        number_of_objects=number,
    )


def _labels(level: str, objects: _Objects, neighbours: Neighbours) -> list[list[frozenset[str]]]:
    """Read the labels of what asked and was found: one list a set of labels, over all rows."""
    rows = np.unique(np.concatenate([neighbours.asked, neighbours.found.ravel()])).tolist()
    kind = Level.SERIES if level == Embedding.Level.SERIES else Level.INSTANCE
    by_set: dict[str, list[frozenset[str]]] = {}
    for row, names in zip(rows, labels_of(kind, [objects.hits[row] for row in rows]), strict=True):
        for label_set in {name.partition(":")[0] for name in names}:
            nothing: list[frozenset[str]] = [frozenset()] * len(objects.hits)
            own = (name for name in names if name.startswith(f"{label_set}:"))
            by_set.setdefault(label_set, nothing)[row] = frozenset(own)
    return list(by_set.values())


def _patients(objects: _Objects, rows: npt.NDArray[np.int64]) -> int:
    return len(Counter(objects.patients[rows].tolist()))


def _draw(space: EmbeddingSpace, level: str, seed: int | None) -> _Objects:
    rows = Embedding.objects.filter(space=space, level=level, pk__in=_keys(space, level, seed))
    columns = ("study_id", "series_id", "instance_id", "series__modality", "study__patient_id")
    read = rows.order_by("pk").values_list(*columns, "vector").iterator(chunk_size=_BATCH)
    # Numbers come as Python's own, ten times as large as they need to be: row by row.
    found = [(*row[:5], np.asarray(row[5], dtype=np.float16)) for row in read]
    vectors = np.array([row[5] for row in found], dtype=np.float32)
    return _Objects(
        hits=[(row[0], row[1], row[2]) for row in found],
        modalities=np.array([row[3] for row in found], dtype=np.str_),
        patients=np.array([row[4] for row in found], dtype=np.int64),
        vectors=comparable(vectors, space.metric),
    )


def _keys(space: EmbeddingSpace, level: str, seed: int | None) -> list[int]:
    keys = Embedding.objects.filter(space=space, level=level).order_by("pk")
    known = np.fromiter(keys.values_list("pk", flat=True).iterator(), dtype=np.int64)
    drawn = np.random.default_rng(seed).permutation(known)[:GALLERY]
    return [int(key) for key in drawn]
