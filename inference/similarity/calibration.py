"""What close means: a cut in a space's own scores, calibrated from what the archive holds.

The rule, for each space, stored level and modality, and for all modalities together:

1. Up to `SAMPLED` objects of the modality, drawn at random, each find their nearest neighbours
   among the objects of other patients, of whatever modality. Fewer than `LEAST_OBJECTS` objects
   or `LEAST_PATIENTS` patients are not calibrated.
2. Without labels the cut is the `UNLABELLED_SHARE` quantile of the scores of the nearest: so
   few of the archive's own objects would be told that nothing is close.
3. With labels it is the lowest score from which on at least `PRECISION` of the first
   `NEIGHBOURS` neighbours share a label with the object that asked; the strictest of the sets
   of labels that have at least `LEAST_PAIRS` labelled pairs and reach that precision. It stays
   between the `LOWEST_SHARE` and the `HIGHEST_SHARE` quantile: labels may not declare
   everything far, nor everything close.
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
from inference.similarity.figures import comparable, scores_between
from inference.similarity.selectors import labels_of
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

SAMPLED = 200
# Objects that may be found; of a larger archive so many, drawn at random. Nearest scores are
# then a little low, and the cut errs towards saying nothing.
GALLERY = 20_000
LEAST_OBJECTS = 30
LEAST_PATIENTS = 10
LEAST_PAIRS = 200
NEIGHBOURS = 10
PRECISION = 0.8
LOWEST_SHARE, UNLABELLED_SHARE, HIGHEST_SHARE = 0.01, 0.05, 0.10
# Measured anew when a level has changed by this share, and each day for what people labelled.
STALE_SHARE = 0.1
STALE_AFTER = timedelta(days=1)
# Frames are judged as images are.
LEVELS = (Embedding.Level.INSTANCE.value, Embedding.Level.SERIES.value)
_DIGITS = 3
_PERCENTS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class _Objects:
    """Drawn objects of a level: keys for labels, modality and patient, comparable vectors."""

    hits: list[tuple[int, int, int | None]]
    modalities: npt.NDArray[np.str_]
    patients: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Rows of the drawn objects that asked, and the (n, k) rows and scores that they found."""

    asked: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


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
    rows = []
    neighbours = []
    for modality in sorted(set(objects.modalities.tolist())):
        members = rng.permutation(np.flatnonzero(objects.modalities == modality))
        neighbours.append(_nearest(space, objects, members[:SAMPLED]))
        is_enough = len(members) >= LEAST_OBJECTS and _patients(objects, members) >= LEAST_PATIENTS
        if modality and is_enough:
            rows.append(_row(space, level, modality, len(members), objects, neighbours[-1]))
    if _patients(objects, np.arange(len(objects.patients))) >= LEAST_PATIENTS:
        rows.append(_row(space, level, "", number, objects, _together(neighbours)))
    return rows


def _row(
    space: EmbeddingSpace,
    level: str,
    modality: str,
    number: int,
    objects: _Objects,
    neighbours: _Neighbours,
) -> Calibration:
    quantiles = np.quantile(neighbours.scores[:, 0], _PERCENTS)
    low, usual, high = (
        float(quantiles[round(share * 100)])
        for share in (LOWEST_SHARE, UNLABELLED_SHARE, HIGHEST_SHARE)
    )
    by_labels = _labelled_cut(level, objects, neighbours)
    cut = usual if by_labels is None else min(max(by_labels, low), high)
    return Calibration(
        space=space,
        level=level,
        modality=modality,
        cut=round(cut, _DIGITS),
        nearest_quantiles=[round(float(value), _DIGITS) for value in quantiles],
        number_of_objects=number,
    )


def _labelled_cut(level: str, objects: _Objects, neighbours: _Neighbours) -> float | None:
    """Return the strictest cut among the sets of labels, None where none has enough."""
    rows = np.unique(np.concatenate([neighbours.asked, neighbours.found.ravel()]))
    kind = Level.SERIES if level == Embedding.Level.SERIES else Level.INSTANCE
    names = dict(
        zip(rows.tolist(), labels_of(kind, [objects.hits[row] for row in rows]), strict=True)
    )
    sets = {name.partition(":")[0] for labels in names.values() for name in labels}
    cuts = []
    for label_set in sets:
        own = {
            row: frozenset(name for name in labels if name.startswith(f"{label_set}:"))
            for row, labels in names.items()
        }
        pairs = _pairs(neighbours, own)
        if len(pairs) >= LEAST_PAIRS and len(set().union(*own.values())) > 1:
            cuts.append(lowest_precise(pairs))
    reached = [cut for cut in cuts if cut is not None]
    return max(reached) if reached else None


def lowest_precise(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Return the lowest score from which on enough of the pairs agree.

    Parameters
    ----------
    pairs : score, and whether the two share a label

    Returns
    -------
    A score at or above which at least `PRECISION` agree; None where no score has that.
    """
    ordered = sorted(pairs, reverse=True)
    agreeing = np.cumsum([agrees for _, agrees in ordered])
    precise = np.flatnonzero(agreeing / np.arange(1, len(ordered) + 1) >= PRECISION)
    return float(ordered[precise[-1]][0]) if len(precise) else None


def _pairs(neighbours: _Neighbours, labels: dict[int, frozenset[str]]) -> list[tuple[float, bool]]:
    asked = np.repeat(neighbours.asked, neighbours.found.shape[1]).tolist()
    found, scores = neighbours.found.ravel().tolist(), neighbours.scores.ravel().tolist()
    return [
        (score, bool(labels[query] & labels[hit]))
        for query, hit, score in zip(asked, found, scores, strict=True)
        if labels[query] and labels[hit]
    ]


def _nearest(space: EmbeddingSpace, objects: _Objects, asked: npt.NDArray[np.int64]) -> _Neighbours:
    scores = scores_between(objects.vectors[asked], objects.vectors, space.metric)
    same = objects.patients[asked][:, None] == objects.patients[None, :]
    scores = np.where(same, -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
    best = np.take_along_axis(scores, order, axis=1)
    # Where a patient has nearly everything, others have fewer than k.
    whole = np.isfinite(best).all(axis=1)
    return _Neighbours(asked[whole], order[whole], best[whole])


def _together(neighbours: Sequence[_Neighbours]) -> _Neighbours:
    return _Neighbours(
        np.concatenate([one.asked for one in neighbours]),
        np.concatenate([one.found for one in neighbours]),
        np.concatenate([one.scores for one in neighbours]),
    )


def _patients(objects: _Objects, rows: npt.NDArray[np.int64]) -> int:
    return len(Counter(objects.patients[rows].tolist()))


def _draw(space: EmbeddingSpace, level: str, seed: int | None) -> _Objects:
    rows = Embedding.objects.filter(space=space, level=level, pk__in=_keys(space, level, seed))
    columns = ("study_id", "series_id", "instance_id", "series__modality", "study__patient_id")
    found = list(rows.order_by("pk").values_list(*columns, "vector"))
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
