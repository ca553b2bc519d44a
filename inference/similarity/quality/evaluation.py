"""How well a space finds what people called the same: measured, kept, compared."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.models import EmbeddingSpace, RetrievalEvaluation
from inference.similarity.errors import NotEnoughLabelsError
from inference.similarity.quality.figures import (
    MAX_QUERIES,
    difference,
    measure,
    sample_queries,
    summarise,
)
from inference.similarity.quality.index_recall import index_recall
from inference.similarity.quality.labelled import (
    GROUPINGS,
    NOT_STATED,
    label_sets,
    labelled_objects,
)
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    from django.contrib.auth.models import User

    from inference.similarity.quality.figures import QueryFigures
    from inference.similarity.quality.labelled import Labelled

logger = logging.getLogger(__name__)

LEVELS = (Level.SERIES, Level.INSTANCE)
# What the nightly measurement asks of a set of labels.
LEAST_OBJECTS = 10
# Groups shown of each grouping, the largest first.
MAX_GROUPS = 40


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two spaces on the same objects and queries; cells as `figures.summarise` makes them.

    ``difference`` is the second less the first, in pairs.
    """

    first: dict[str, Any]
    second: dict[str, Any]
    difference: dict[str, Any]
    number_of_objects: int


def evaluate_space(
    space: EmbeddingSpace,
    label_set: str,
    level: Level = Level.SERIES,
    actor: User | None = None,
    *,
    max_queries: int = MAX_QUERIES,
) -> RetrievalEvaluation:
    """Measure a space by a set of labels, leave one out, and keep the figures.

    Each labelled object asks for the others; its own patient's are left out. Where there are
    more than `max_queries`, so many are drawn; the gallery stays whole. A space that is not the
    default one is also compared with it, on the objects that both have.

    Parameters
    ----------
    space : ready or being filled
    label_set : by which two objects are alike
    level : instance or series
    actor : who asked; None for the scheduler and the operator
    max_queries : objects that ask, at most

    Returns
    -------
    The stored row. Its figures: ``all``, ``by`` grouping and group, ``within`` one modality and
    body part (gallery and queries), ``index_recall``, ``against`` the default space, and how
    many objects there were.

    Raises
    ------
    NotEnoughLabelsError
        Nothing is labelled, nothing labelled has a vector, or no label has two patients.
    """
    started = time.perf_counter()
    material = labelled_objects(space, label_set, level)
    _require_answers(material, label_set)
    asked = sample_queries(len(material.keys), max_queries)
    measured = measure(material.gallery, asked)
    figures = {
        "all": summarise(measured),
        "by": {name: _by_group(measured, material.groups[name]) for name in GROUPINGS},
        "within": _within(material, max_queries),
        "index_recall": index_recall(space, level),
        "against": _against_default(space, label_set, level, max_queries),
        "objects": len(material.keys),
        "labelled": material.number_labelled,
        "asked": len(asked),
        "labels": len(set().union(*material.gallery.labels)),
        "took_s": round(time.perf_counter() - started, 1),
    }
    row = RetrievalEvaluation.objects.create(
        space=space,
        label_set=label_set,
        level=level.value,
        number_of_queries=len(measured.queries),
        figures=figures,
        actor=actor,
    )
    logger.info("retrieval evaluated", extra={"evaluation": row.pk, "queries": len(asked)})
    return row


def compare_spaces(
    first: EmbeddingSpace,
    second: EmbeddingSpace,
    label_set: str,
    level: Level = Level.SERIES,
    *,
    max_queries: int = MAX_QUERIES,
) -> Comparison:
    """Measure two spaces on the objects that both have, in pairs.

    Parameters
    ----------
    first, second : to compare
    label_set : by which two objects are alike
    level : instance or series
    max_queries : objects that ask, at most

    Returns
    -------
    Figures of both and of their difference, with intervals over patients.

    Raises
    ------
    NotEnoughLabelsError
        They share too few labelled objects.
    """
    left = labelled_objects(first, label_set, level)
    right = labelled_objects(second, label_set, level)
    place = {tuple(key): row for row, key in enumerate(right.keys.tolist())}
    pairs = [
        (row, place[tuple(key)])
        for row, key in enumerate(left.keys.tolist())
        if tuple(key) in place
    ]
    if not pairs:
        message = f"{first.name} and {second.name} have vectors of no labelled object in common."
        raise NotEnoughLabelsError(message)
    rows = np.array(pairs, dtype=np.int64)
    left, right = left.of(rows[:, 0]), right.of(rows[:, 1])
    _require_answers(left, label_set)
    asked = sample_queries(len(pairs), max_queries)
    ours, theirs = measure(left.gallery, asked), measure(right.gallery, asked)
    return Comparison(
        first=summarise(ours),
        second=summarise(theirs),
        difference=difference(ours, theirs),
        number_of_objects=len(pairs),
    )


def evaluate_default_space() -> int:
    """Measure the default space by every set of labels that has enough, at both levels.

    Returns
    -------
    How many evaluations were kept; 0 without a default space.
    """
    space = EmbeddingSpace.objects.filter(is_default=True).first()
    if space is None:
        return 0
    return sum(
        _evaluated(space, label_set, level) for label_set in label_sets() for level in LEVELS
    )


def _evaluated(space: EmbeddingSpace, label_set: str, level: Level) -> bool:
    try:
        evaluate_space(space, label_set, level)
    except NotEnoughLabelsError:
        return False
    return True


def _require_answers(material: Labelled, label_set: str) -> None:
    """Refuse what would only measure itself: one label, or none shared by two patients."""
    gallery = material.gallery
    if len(set().union(*gallery.labels)) < 2:
        message = f"“{label_set}” has only one label here: everything would be right."
        raise NotEnoughLabelsError(message)
    patients: dict[str, set[int]] = {}
    for labels, patient in zip(gallery.labels, gallery.patients.tolist(), strict=True):
        for label in labels:
            patients.setdefault(label, set()).add(patient)
    if all(len(found) < 2 for found in patients.values()):
        message = f"No label of “{label_set}” has two patients: nothing could be found."
        raise NotEnoughLabelsError(message)
    if len(gallery.labels) < LEAST_OBJECTS:
        message = (
            f"Only {len(gallery.labels)} objects of “{label_set}” have a vector at this level;"
            f" at least {LEAST_OBJECTS} are needed."
        )
        raise NotEnoughLabelsError(message)


def _by_group(measured: QueryFigures, groups: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """Summarise the queries of each group; the gallery is the same for all."""
    members: dict[str, list[int]] = {}
    for place, row in enumerate(measured.queries.tolist()):
        for name in groups[row]:
            members.setdefault(name, []).append(place)
    largest = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))[:MAX_GROUPS]
    return {name: summarise(measured.of(_mask(measured, places))) for name, places in largest}


def _mask(measured: QueryFigures, places: Iterable[int]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(len(measured.queries), dtype=bool)
    mask[list(places)] = True
    return mask


def _within(material: Labelled, max_queries: int) -> dict[str, Any]:
    """Measure inside one modality and body part: the finding, where the anatomy is given."""
    places: dict[str, list[int]] = {}
    pairs = zip(material.groups["modality"], material.groups["body_part"], strict=True)
    for row, ((modality,), (body_part,)) in enumerate(pairs):
        if NOT_STATED not in {modality, body_part}:
            places.setdefault(f"{modality} · {body_part}", []).append(row)
    found = {}
    for name, rows in sorted(places.items(), key=lambda item: -len(item[1]))[:MAX_GROUPS]:
        inside = material.of(np.array(rows, dtype=np.int64)).gallery
        if len(set().union(*inside.labels)) > 1:
            measured = measure(inside, sample_queries(len(rows), max_queries))
            if len(measured.queries):
                found[name] = summarise(measured)
    return found


def _against_default(
    space: EmbeddingSpace, label_set: str, level: Level, max_queries: int
) -> dict[str, Any] | None:
    default = EmbeddingSpace.objects.filter(is_default=True).exclude(pk=space.pk).first()
    if default is None:
        return None
    try:
        compared = compare_spaces(default, space, label_set, level, max_queries=max_queries)
    except NotEnoughLabelsError:
        return None
    return {
        "space": default.name,
        "objects": compared.number_of_objects,
        "default": compared.first,
        "own": compared.second,
        "difference": compared.difference,
    }
