"""Which series a person should label next: unsure ones, new kinds, and disputed ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import Exists, OuterRef

from archive.models import Series, Study
from archive.models.access import LABELLING_ROLES
from archive.models.querysets import readable_projects
from inference.models import Embedding
from inference.similarity.selectors import labels_of
from inference.similarity.types import Level
from inference.training.agreement import labels_to_agree_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

# The newest series are looked at: a queue of a person is shorter than that.
MAX_POOL, MAX_LABELLED = 3000, 2000
NEIGHBOURS = 10
# Cosines of neighbours lie close together: a difference of this much is e times the weight.
_SHARPNESS = 0.05
# The queue is spread over the most unsure ones, so many times its length.
_SPREAD = 5
_COLUMNS = ("series_id", "study_id", "study__patient_id", "vector")


class Strategy(StrEnum):
    """What makes a series worth labelling."""

    MIXED = "mixed"
    UNCERTAIN = "uncertain"
    DIVERSE = "diverse"
    DISPUTED = "disputed"


@dataclass(frozen=True)
class Candidate:
    """A series to label, why, and what its labelled neighbours of other patients suggest.

    ``given`` is what it is labelled already; ``probability`` and ``doubt`` are 0 to 1.
    """

    study_uid: str
    series_uid: str
    reason: Strategy
    guess: str = ""
    probability: float = 0.0
    doubt: float = 0.0
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabellingQueue:
    """Series worth labelling in a set, the most telling first."""

    candidates: tuple[Candidate, ...]
    classes: tuple[str, ...]
    labelled: int
    unlabelled: int


@dataclass(frozen=True)
class _Series:
    """Vectors of series, of length 1, with their keys; rows of all parts belong together."""

    keys: npt.NDArray[np.int64]
    studies: npt.NDArray[np.int64]
    patients: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.keys)


def labelling_queue(
    user: AnyUser, label_set: str, *, strategy: Strategy = Strategy.MIXED, limit: int = 12
) -> LabellingQueue:
    """Return what the user should label next in a set, inside the projects in which they label.

    Uncertain: nobody labelled it, and its nearest labelled neighbours of other patients are at
    odds (entropy of their weighted votes). Diverse: nothing labelled is near it. Disputed: it is
    labelled otherwise than its neighbours are, or its readers are at odds.

    Parameters
    ----------
    user
        the asker
    label_set
        name of a set; a new one has no classes yet, and is begun with what is most diverse
    strategy
        what to look for; mixed takes turns
    limit
        how many at most
    """
    labelled, names = _labelled(user, label_set)
    pool = _pool(user, labelled)
    classes = tuple(sorted(set().union(*names))) if names else ()
    wanted = []
    if strategy in {Strategy.UNCERTAIN, Strategy.MIXED}:
        wanted.append(_uncertain(pool, labelled, names, classes, limit))
    if strategy in {Strategy.DIVERSE, Strategy.MIXED}:
        wanted.append(_diverse(pool, labelled, limit))
    if strategy in {Strategy.DISPUTED, Strategy.MIXED}:
        wanted.append(_disputed(labelled, names, classes, limit))
    turns = chain.from_iterable(zip_longest(*wanted))
    chosen: dict[int, tuple[int, Candidate]] = {}
    for one in turns:
        if one is not None:
            chosen.setdefault(one[0], one)
    return LabellingQueue(
        candidates=_named([*chosen.values()][:limit]),
        classes=classes,
        labelled=len(labelled),
        unlabelled=len(pool),
    )


def class_shares(
    similarities: npt.NDArray[np.float64], classes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return how probable each class is, by the neighbours' weighted votes.

    Parameters
    ----------
    similarities : (neighbours,) cosines, the nearest first
    classes : (neighbours, classes), each row summing to 1

    Returns
    -------
    (classes,) shares, drawn towards equal ones where neighbours are few
    """
    count = classes.shape[1]
    if not len(similarities):
        return np.full(count, 1.0 / count)
    weights = np.exp((similarities - similarities.max()) / _SHARPNESS)
    votes = weights @ classes
    shares: npt.NDArray[np.float64] = (votes + 0.5 / count) / (votes.sum() + 0.5)
    return shares


def doubt_of(shares: npt.NDArray[np.float64]) -> float:
    """Return the entropy of shares, 0 (sure) to 1 (all alike)."""
    if len(shares) < 2:
        return 0.0
    held = shares[shares > 0]
    return float(-(held * np.log(held)).sum() / np.log(len(shares)))


def farthest_first(
    vectors: npt.NDArray[np.float32], known: npt.NDArray[np.float32], limit: int
) -> list[int]:
    """Pick rows one after another, each as far as can be from all that is known or picked.

    Parameters
    ----------
    vectors : (n, d) of length 1
    known : (m, d) of length 1; where empty, the first pick is the one nearest to all others
    limit : how many at most

    Returns
    -------
    rows in the order in which they were picked

    References
    ----------
    Sener and Savarese 2018, Active learning for convolutional neural networks: a core-set approach
    """
    if not len(vectors):
        return []
    picked: list[int] = []
    if len(known):
        nearest = (vectors @ known.T).max(axis=1)
    else:
        picked = [int(np.argmax(vectors @ vectors.mean(axis=0)))]
        nearest = vectors @ vectors[picked[0]]
    while len(picked) < min(limit, len(vectors)):
        nearest[picked] = np.inf
        picked.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, vectors @ vectors[picked[-1]])
    return picked


def _labelled(user: AnyUser, label_set: str) -> tuple[_Series, list[frozenset[str]]]:
    studies = labels_to_agree_on(user).filter(label_set=label_set).values("study_id")
    rows = list(_vectors(user).filter(study__in=studies).values_list(*_COLUMNS)[:MAX_LABELLED])
    found = labels_of(Level.SERIES, [(row[1], row[0], None) for row in rows], agreed_set=label_set)
    kept = [index for index, labels in enumerate(found) if labels]
    names = [frozenset(one.partition(":")[2] for one in found[index]) for index in kept]
    return _series([rows[index] for index in kept]), names


def _pool(user: AnyUser, labelled: _Series) -> _Series:
    """Return the newest series that nobody labelled, of the modalities of those labelled."""
    rows = _vectors(user).exclude(series__in=labelled.keys.tolist())
    if len(labelled):
        known = Embedding.objects.filter(series__in=labelled.keys.tolist()).order_by()
        rows = rows.filter(series__modality__in=known.values("series__modality").distinct())
    return _series(list(rows.values_list(*_COLUMNS)[:MAX_POOL]))


def _vectors(user: AnyUser) -> QuerySet[Embedding]:
    through = Study.projects.through.objects.filter(
        study_id=OuterRef("study_id"), project__in=readable_projects(user, LABELLING_ROLES)
    )
    rows = Embedding.objects.filter(
        Exists(through), space__is_default=True, level=Embedding.Level.SERIES
    )
    return rows.filter(series__withheld="").order_by("-pk")


def _series(rows: Sequence[tuple[int, int, int, object]]) -> _Series:
    vectors = np.array([np.asarray(row[3], dtype=np.float32) for row in rows], dtype=np.float32)
    vectors = vectors if rows else np.empty((0, 0), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = np.array([row[:3] for row in rows], dtype=np.int64).reshape(len(rows), 3)
    return _Series(
        keys=keys[:, 0],
        studies=keys[:, 1],
        patients=keys[:, 2],
        vectors=vectors / np.maximum(lengths, 1e-9),
    )


def _votes(names: Sequence[frozenset[str]], classes: Sequence[str]) -> npt.NDArray[np.float64]:
    place = {name: index for index, name in enumerate(classes)}
    table = np.zeros((len(names), len(classes)))
    for row, given in enumerate(names):
        for name in given:
            table[row, place[name]] = 1 / len(given)
    return table


def _shares(
    asked: _Series, labelled: _Series, votes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the class shares of each asked series; neighbours are of other patients."""
    similarities = (asked.vectors @ labelled.vectors.T).astype(np.float64)
    is_own = asked.patients[:, np.newaxis] == labelled.patients[np.newaxis, :]
    similarities[is_own] = -np.inf
    found = np.empty((len(asked), votes.shape[1]))
    for row, cosines in enumerate(similarities):
        nearest = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
        nearest = nearest[np.isfinite(cosines[nearest])]
        found[row] = class_shares(cosines[nearest], votes[nearest])
    return found


def _uncertain(
    pool: _Series,
    labelled: _Series,
    names: Sequence[frozenset[str]],
    classes: Sequence[str],
    limit: int,
) -> list[tuple[int, Candidate]]:
    if len(classes) < 2 or not len(pool):
        return []
    shares = _shares(pool, labelled, _votes(names, classes))
    doubts = np.array([doubt_of(row) for row in shares])
    unsure = np.argsort(-doubts, kind="stable")[: limit * _SPREAD]
    first = unsure[:1]
    spread = farthest_first(pool.vectors[unsure], pool.vectors[first], min(limit, len(unsure)) - 1)
    order = [int(first[0]), *(int(unsure[one]) for one in spread)]
    return [
        (int(pool.keys[one]), _guessed(Strategy.UNCERTAIN, shares[one], classes))
        for one in dict.fromkeys(order)
    ]


def _diverse(pool: _Series, labelled: _Series, limit: int) -> list[tuple[int, Candidate]]:
    known = labelled.vectors if len(labelled) else np.empty((0, 0), dtype=np.float32)
    return [
        (int(pool.keys[one]), Candidate("", "", Strategy.DIVERSE))
        for one in farthest_first(pool.vectors, known, limit)
    ]


def _disputed(
    labelled: _Series, names: Sequence[frozenset[str]], classes: Sequence[str], limit: int
) -> list[tuple[int, Candidate]]:
    if len(classes) < 2 or len(labelled) < 2:
        return []
    votes = _votes(names, classes)
    shares = _shares(labelled, labelled, votes)
    # How little of the neighbours' votes its own labels have; readers at odds are in doubt too.
    agreement = (shares * (votes > 0)).sum(axis=1) / np.maximum((votes > 0).sum(axis=1), 1)
    order = np.argsort(agreement, kind="stable")
    return [
        (
            int(labelled.keys[one]),
            _guessed(Strategy.DISPUTED, shares[one], classes, given=tuple(sorted(names[one]))),
        )
        for one in order[:limit]
        if agreement[one] < 0.5
    ]


def _guessed(
    reason: Strategy,
    shares: npt.NDArray[np.float64],
    classes: Sequence[str],
    *,
    given: tuple[str, ...] = (),
) -> Candidate:
    best = int(np.argmax(shares))
    return Candidate(
        study_uid="",
        series_uid="",
        reason=reason,
        guess=classes[best],
        probability=round(float(shares[best]), 4),
        doubt=round(doubt_of(shares), 4),
        given=given,
    )


def _named(chosen: Iterable[tuple[int, Candidate]]) -> tuple[Candidate, ...]:
    """Put UIDs in the place of keys."""
    wanted = dict(chosen)
    rows = Series.objects.filter(pk__in=wanted).values_list(
        "pk", "series_instance_uid", "study__study_instance_uid"
    )
    uids = {pk: (series, study) for pk, series, study in rows}
    return tuple(
        replace(one, series_uid=uids[key][0], study_uid=uids[key][1])
        for key, one in wanted.items()
        if key in uids
    )
