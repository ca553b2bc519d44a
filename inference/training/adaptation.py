"""Fit a space to the archive: to its own labels (LDA) or to its spread (PCA), as a new version."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Max, Q

from archive.audit.types import Asker
from inference.models import Embedding, EmbeddingSpace, Label, Projection
from inference.pipelines.projection import fit_lda, fit_pca
from inference.similarity.attributes.consensus import agreed_labels
from inference.similarity.errors import (
    NotEnoughLabelsError,
    SpaceConflictError,
    SpaceNotReadyError,
)
from inference.similarity.spaces.lifecycle import (
    fill_space,
    promote_space,
    require_admin,
    retire_space,
)
from inference.similarity.spaces.projections import Fitted, register_projected_space
from inference.similarity.spaces.registry import find_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

logger = logging.getLogger(__name__)

# A class is learned from so many images of so many patients, or left out.
LEAST_OF_A_CLASS = 5
LEAST_PATIENTS = 2
LEAST_CLASSES = 2
# Of a labelled series or study so many evenly spaced images count, or a CT would outvote all else.
IMAGES_OF_A_SERIES = 16
# Vectors that PCA is fitted on, drawn at random: more change nothing.
PCA_VECTORS = 20_000
# Versions of one adapted space that are kept beside the default one.
KEPT_VERSIONS = 2


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """Instances with a label: what an adapted space is fitted on."""

    vectors: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    patients: tuple[int, ...]
    left_out: dict[str, int]
    """Classes with too few images or patients, and how many images they have."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A space that was just fitted, and on what."""

    space: EmbeddingSpace
    number_of_vectors: int
    classes: dict[str, int]
    left_out: dict[str, int]


def adapt_space(asker: Asker, *, space: str, label_sets: Sequence[str]) -> Adapted:
    """Fit a head to labels and make a new space of it, which is filled in the background.

    The base space is left as it is, and stays the default until an admin promotes the new one.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    space : the base; empty for the default one (of a projected one, its base)
    label_sets : at least one; an image with labels in several is of their combination

    Raises
    ------
    NotAllowedError
        The asker is no radiology admin.
    UnknownSpaceError, SpaceNotReadyError
        There is no such space, or it is not filled.
    NotEnoughLabelsError
        Fewer than two classes have enough images of enough patients.
    """
    require_admin(asker)
    base = _base(space)
    state = labels_state(label_sets)
    found = labelled_vectors(base, label_sets)
    matrix = fit_lda(
        found.vectors,
        found.labels,
        groups=found.patients,
        reference=_random_vectors(base),
        blocks=_blocks(base),
    )
    classes = dict(sorted(Counter(found.labels).items()))
    parameters = {
        "classes": classes,
        "left_out": found.left_out,
        "patients": len(set(found.patients)),
        "labels": state,
    }
    made = register_projected_space(
        base=base,
        kind=Projection.Kind.LDA,
        fitted=Fitted(matrix, len(found.labels), parameters, tuple(sorted(set(label_sets)))),
    )
    fill_space(asker, made.name)
    logger.info("space adapted", extra={"space": made.name, "vectors": len(found.labels)})
    return Adapted(made, len(found.labels), classes, found.left_out)


def fit_components(asker: Asker, *, space: str, dimension: int) -> Adapted:
    """Fit principal components to the archive and make a new, smaller space of them.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    space : the base; empty for the default one
    dimension : of the new space

    Raises
    ------
    NotAllowedError, UnknownSpaceError, SpaceNotReadyError
        As for `adapt_space`.
    SpaceConflictError
        The base has not that many dimensions, or too few vectors.
    """
    require_admin(asker)
    base = _base(space)
    blocks = _blocks(base)
    least = len(blocks or [0])
    if not least <= dimension < base.dimension:
        message = f"From {base.dimension} dimensions, {least} to {base.dimension - 1} can be kept."
        raise SpaceConflictError(message)
    vectors = _random_vectors(base)
    if len(vectors) <= dimension:
        message = f"{len(vectors)} images are too few for {dimension} dimensions."
        raise SpaceConflictError(message)
    matrix = fit_pca(vectors, dimension, blocks=blocks)
    made = register_projected_space(
        base=base,
        kind=Projection.Kind.PCA,
        fitted=Fitted(matrix, len(vectors), {"dimension": dimension}),
    )
    fill_space(asker, made.name)
    return Adapted(made, len(vectors), {}, {})


def refit_adapted() -> list[str]:
    """Fit each adapted space anew whose labels have changed enough; return the new spaces' names.

    The new version stands beside the old one. Whether it takes over by itself is a setting; it
    is off unless the site chose so.
    """
    asker = Asker(door="schedule", name="refit")
    _promote_successors(asker)
    made = []
    for newest in _newest_versions():
        projection = newest.projection
        if projection is None or not _has_changed_enough(projection):
            continue
        base = newest.base_space
        try:
            adapted = adapt_space(
                asker, space=base.name if base else "", label_sets=projection.label_sets
            )
        except (NotEnoughLabelsError, SpaceNotReadyError) as error:
            logger.warning("space not refitted", extra={"space": newest.name, "why": str(error)})
            continue
        made.append(adapted.space.name)
        _retire_old_versions(asker, adapted.space)
    return made


def labelled_vectors(base: EmbeddingSpace, label_sets: Sequence[str]) -> LabelledVectors:
    """Resolve labels of studies, series and instances to instance vectors.

    The most specific label of a set counts; an image that a set gives several there is left out.

    Raises
    ------
    NotEnoughLabelsError
        Fewer than two classes have enough images of enough patients.
    """
    wanted = sorted(set(label_sets))
    by_set = [_instances_of_set(base, label_set) for label_set in wanted]
    together: dict[int, list[str]] = defaultdict(list)
    for label_set, labels in zip(wanted, by_set, strict=True):
        for instance_id, label in labels.items():
            together[instance_id].append(f"{label_set}:{label}" if len(wanted) > 1 else label)
    classes = {key: " + ".join(parts) for key, parts in together.items()}
    rows = _vectors_of(base, classes)
    return _with_enough(rows, classes)


def labels_state(label_sets: Sequence[str]) -> dict[str, int]:
    """Return how many labels the sets have and the newest one's key, to tell later what changed."""
    rows = Label.objects.filter(label_set__in=label_sets)
    return {"count": rows.count(), "newest": rows.aggregate(newest=Max("pk"))["newest"] or 0}


def _base(space: str) -> EmbeddingSpace:
    found = find_space(space)
    return found.base_space if found.base_space is not None else found


def _blocks(base: EmbeddingSpace) -> list[int] | None:
    """Return the lengths of the blocks that the base's vectors are made of, if it has several."""
    blocks: list[int] | None = base.model_version.config.get("blocks")
    return blocks


def _instances_of_set(base: EmbeddingSpace, label_set: str) -> dict[int, str]:
    """Return each labelled instance's label: its own, else its series', else its study's."""
    by_level: list[dict[int, set[str]]] = [{}, {}, {}]
    for (study_id, series_id, instance_id), names in agreed_labels(label_set).items():
        if instance_id is not None:
            by_level[2][instance_id] = names
        elif series_id is not None:
            by_level[1][series_id] = names
        else:
            by_level[0][study_id] = names
    found: dict[int, set[str]] = {}
    for field, level in (("study_id", by_level[0]), ("series_id", by_level[1])):
        for instance_id, key in _spread_instances(base, field, level):
            found[instance_id] = level[key]
    found.update(by_level[2])
    return {key: next(iter(names)) for key, names in found.items() if len(names) == 1}


def _spread_instances(
    base: EmbeddingSpace, field: str, wanted: Iterable[int]
) -> list[tuple[int, int]]:
    """Return up to `IMAGES_OF_A_SERIES` embedded instances of each series, evenly spaced."""
    keys = list(wanted)
    if not keys:
        return []
    with connection.cursor() as cursor:
        # The field is one of two constants; keys are parameters.
        cursor.execute(
            "SELECT instance_id, key FROM (SELECT instance_id, " + field + " AS key,"  # noqa: S608
            " row_number() OVER (PARTITION BY series_id ORDER BY instance_id) - 1 AS place,"
            " count(*) OVER (PARTITION BY series_id) AS number"
            " FROM inference_embedding WHERE space_id = %s AND level = 'instance'"
            " AND " + field + " = ANY(%s)) ordered"
            " WHERE number <= %s OR place * %s / number <> (place - 1) * %s / number"
            " OR place = 0",
            [base.pk, keys, *[IMAGES_OF_A_SERIES] * 3],
        )
        return [(int(row[0]), int(row[1])) for row in cursor.fetchall()]


def _vectors_of(base: EmbeddingSpace, classes: Iterable[int]) -> list[tuple[int, int, Any]]:
    rows = Embedding.objects.filter(
        space=base, level=Embedding.Level.INSTANCE, instance_id__in=list(classes)
    )
    return list(
        rows.order_by("instance_id").values_list("instance_id", "study__patient_id", "vector")
    )


def _with_enough(rows: Sequence[tuple[int, int, Any]], classes: dict[int, str]) -> LabelledVectors:
    counts = Counter(classes[row[0]] for row in rows)
    patients: dict[str, set[int]] = defaultdict(set)
    for instance_id, patient_id, _ in rows:
        patients[classes[instance_id]].add(patient_id)
    enough = {
        name
        for name, number in counts.items()
        if number >= LEAST_OF_A_CLASS and len(patients[name]) >= LEAST_PATIENTS
    }
    if len(enough) < LEAST_CLASSES:
        raise NotEnoughLabelsError(
            f"Adapting needs {LEAST_CLASSES} labels with {LEAST_OF_A_CLASS} embedded images of"
            f" {LEAST_PATIENTS} patients each; there are {len(enough)}."
        )
    kept = [row for row in rows if classes[row[0]] in enough]
    return LabelledVectors(
        vectors=np.array([row[2] for row in kept], dtype=np.float32),
        labels=tuple(classes[row[0]] for row in kept),
        patients=tuple(row[1] for row in kept),
        left_out={name: counts[name] for name in sorted(set(counts) - enough)},
    )


def _random_vectors(base: EmbeddingSpace) -> npt.NDArray[np.float32]:
    rows = Embedding.objects.filter(space=base, level=Embedding.Level.INSTANCE)
    # Keys alone are shuffled: whole rows would move every vector.
    keys = list(rows.order_by("?").values_list("pk", flat=True)[:PCA_VECTORS])
    found = Embedding.objects.filter(pk__in=keys).order_by("pk").values_list("vector", flat=True)
    return np.array(list(found), dtype=np.float32).reshape(-1, base.dimension)


def _newest_versions() -> list[EmbeddingSpace]:
    """Return the newest version of each adapted space that is in use."""
    rows = (
        EmbeddingSpace.objects.filter(projection__kind=Projection.Kind.LDA)
        .exclude(state=EmbeddingSpace.State.RETIRED)
        .select_related("projection", "base_space")
        .defer("projection__matrix")
        .order_by("pk")
    )
    newest = {_family(row): row for row in rows}
    return list(newest.values())


def _family(space: EmbeddingSpace) -> tuple[int | None, tuple[str, ...]]:
    """Versions that take over from each other: one base, the same sets of labels."""
    projection = space.projection
    return space.base_space_id, tuple(projection.label_sets if projection else ())


def _has_changed_enough(projection: Projection) -> bool:
    known = projection.parameters.get("labels", {})
    before, newest = int(known.get("count", 0)), int(known.get("newest", 0))
    rows = Label.objects.filter(label_set__in=projection.label_sets)
    added = rows.filter(pk__gt=newest).count()
    removed = max(0, before - rows.filter(pk__lte=newest).count())
    return (added + removed) * 100 >= settings.TWINSIGHT_REFIT_CHANGED_PERCENT * max(before, 1)


def _promote_successors(asker: Asker) -> None:
    """Let newer versions of the default space take over, where the site wants it."""
    if not settings.TWINSIGHT_REFIT_AUTO_PROMOTE:
        return
    default = EmbeddingSpace.objects.filter(is_default=True, projection__isnull=False).first()
    for newest in _newest_versions():
        is_successor = (
            default is not None
            and newest.state == EmbeddingSpace.State.READY
            and newest.pk > default.pk
            and _family(newest) == _family(default)
        )
        if is_successor:
            promote_space(asker, newest.name, "fitted anew")


def _retire_old_versions(asker: Asker, newest: EmbeddingSpace) -> None:
    """Keep the newest versions, the default one, and the one to roll back to."""
    versions = EmbeddingSpace.objects.filter(
        Q(state=EmbeddingSpace.State.READY) | Q(state=EmbeddingSpace.State.FILLING),
        base_space=newest.base_space,
        projection__kind=Projection.Kind.LDA,
        is_default=False,
        promotions_after__isnull=True,
        projection__label_sets=list(_family(newest)[1]),
    ).exclude(pk=newest.pk)
    for old in versions.order_by("-pk")[KEPT_VERSIONS:]:
        retire_space(asker, old.name)
