"""What people labelled and a space has vectors of: the material of an evaluation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Q

from inference.models import Embedding, Label
from inference.similarity.errors import NotEnoughLabelsError
from inference.similarity.quality.figures import Gallery
from inference.similarity.selectors import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import numpy.typing as npt
    from django.db.models import QuerySet

    from inference.models import EmbeddingSpace
    from inference.similarity.types import Level

# Beyond these a random share of the labelled objects is the gallery, and the figures say so.
MAX_OBJECTS = 200_000
NOT_STATED = "not stated"
GROUPINGS = ("label", "modality", "body_part", "scanner", "sex", "age_group")
_BATCH = 2000
_AGE = re.compile(r"^(\d{3})([DWMY])$")
_UNITS_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}
_AGE_GROUPS = (
    (18, "0 to 17"),
    (40, "18 to 39"),
    (60, "40 to 59"),
    (80, "60 to 79"),
    (999, "80 and over"),
)
_COLUMNS = (
    "vector",
    "study_id",
    "series_id",
    "instance_id",
    "study__patient_id",
    "series__modality",
    "series__body_part_examined",
    "series__manufacturer",
    "series__manufacturer_model_name",
    "study__patient__patient_sex",
    "study__patient_age",
    "study__patient__patient_birth_date",
    "study__study_date",
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled objects with their vectors; all sequences go by row.

    ``keys`` are (series, instance or 0), ``groups`` says of each grouping which groups a row
    belongs to: several only for labels.
    """

    gallery: Gallery
    keys: npt.NDArray[np.int64]
    groups: dict[str, list[tuple[str, ...]]]
    number_labelled: int

    def of(self, rows: npt.NDArray[np.int64]) -> Labelled:
        """Return some of the objects.

        Parameters
        ----------
        rows : which, in the wanted order

        Returns
        -------
        The same material of fewer objects.
        """
        gallery = self.gallery
        return Labelled(
            gallery=Gallery(
                vectors=gallery.vectors[rows],
                patients=gallery.patients[rows],
                labels=[gallery.labels[row] for row in rows],
                metric=gallery.metric,
            ),
            keys=self.keys[rows],
            groups={name: [values[row] for row in rows] for name, values in self.groups.items()},
            number_labelled=self.number_labelled,
        )


def labelled_objects(space: EmbeddingSpace, label_set: str, level: Level) -> Labelled:
    """Read the vectors of a space's labelled objects.

    A label counts at a level as the label filter understands it: one of a study for all of its
    images, one of an image also for its series. What nobody labelled is left out: whether it is
    alike is not known. Where several readers are at odds, what most of them say counts.

    Parameters
    ----------
    space : whose vectors
    label_set : name of a set of labels
    level : instance or series

    Returns
    -------
    At most `MAX_OBJECTS` objects, by age of their vectors.

    Raises
    ------
    NotEnoughLabelsError
        Nothing has a label of this set, or nothing labelled has a vector here.
    """
    if not Label.objects.on_shown().filter(label_set=label_set).exists():
        raise NotEnoughLabelsError(
            f"There are no labels in a set “{label_set}”: import_labels or POST /api/v1/labels"
            " bring them in."
        )
    rows, names = [], []
    vectors = _vectors(space, label_set, level)
    while batch := list(islice(vectors, _BATCH)):
        objects = [(row[1], row[2], row[3]) for row in batch]
        found = labels_of(level, objects, agreed_set=label_set)
        for row, labels in zip(batch, found, strict=True):
            prefix = f"{label_set}:"
            ours = frozenset(one.removeprefix(prefix) for one in labels if one.startswith(prefix))
            if ours:
                rows.append((np.asarray(row[0], dtype=np.float16), *row[1:]))
                names.append(ours)
    if not rows:
        message = f"Nothing that “{label_set}” labels has a vector in {space.name} at this level."
        raise NotEnoughLabelsError(message)
    kept = _some(len(rows))
    chosen = [rows[index] for index in kept]
    return _material(space, chosen, [names[index] for index in kept], len(rows))


def label_sets() -> list[str]:
    """Return the names of all sets of labels.

    Returns
    -------
    Sorted names.
    """
    return sorted(Label.objects.order_by().values_list("label_set", flat=True).distinct())


def age_group(patient_age: str, born: date | None, study_date: date | None) -> str:
    """Return the group of the age at the time of the study.

    Parameters
    ----------
    patient_age : Patient's Age (PS3.5 6.2, AS), as 043Y; may be empty
    born : Patient's Birth Date
    study_date : Study Date

    Returns
    -------
    A group of years, or `NOT_STATED`.
    """
    years = None
    if found := _AGE.match(patient_age):
        years = int(found[1]) / _UNITS_A_YEAR[found[2]]
    elif born is not None and study_date is not None:
        years = (study_date - born).days / _UNITS_A_YEAR["D"]
    if years is None or years < 0:
        return NOT_STATED
    return next((name for end, name in _AGE_GROUPS if years < end), NOT_STATED)


def _vectors(space: EmbeddingSpace, label_set: str, level: Level) -> Iterator[Any]:
    studies = Label.objects.on_shown().filter(label_set=label_set).order_by().values("study_id")
    # As answers have it: what they leave out is measured no more.
    rows: QuerySet[Embedding] = Embedding.objects.filter(
        Q(instance__isnull=True) | Q(instance__withheld=""),
        space=space,
        level=level.value,
        study_id__in=studies,
        series__withheld="",
    )
    return rows.order_by("pk").values_list(*_COLUMNS).iterator(chunk_size=_BATCH)


def _some(number: int) -> npt.NDArray[np.int64]:
    if number <= MAX_OBJECTS:
        return np.arange(number)
    return np.sort(np.random.default_rng(0).choice(number, size=MAX_OBJECTS, replace=False))


def _material(
    space: EmbeddingSpace, rows: Sequence[Any], labels: list[frozenset[str]], number: int
) -> Labelled:
    return Labelled(
        gallery=Gallery(
            vectors=np.stack([row[0] for row in rows]).astype(np.float32),
            patients=np.array([row[4] for row in rows], dtype=np.int64),
            labels=labels,
            metric=space.metric,
        ),
        keys=np.array([(row[2], row[3] or 0) for row in rows], dtype=np.int64),
        groups={
            "label": [tuple(sorted(one)) for one in labels],
            "modality": [(row[5] or NOT_STATED,) for row in rows],
            "body_part": [(row[6] or NOT_STATED,) for row in rows],
            "scanner": [(_scanner(row[7], row[8]),) for row in rows],
            "sex": [(row[9] or NOT_STATED,) for row in rows],
            "age_group": [(age_group(row[10], row[11], row[12]),) for row in rows],
        },
        number_labelled=number,
    )


def _scanner(manufacturer: str, model: str) -> str:
    return " ".join(part for part in (manufacturer.strip(), model.strip()) if part) or NOT_STATED
