"""Labelled images of the archive, or of a folder, as a training takes them. No torch here."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archive.dicom.rendering import render_frame
from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from inference.models import Label
from inference.pipelines.embedding import spread_indices
from inference.similarity.errors import NotEnoughLabelsError
from inference.similarity.quality.labelled import age_group
from inference.similarity.spaces.backfill import image_series
from inference.training.labelled_images import LabelledImage, read_labelled_images

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from inference.training.recipe import Recipe

# A class is learned from so many images of so many patients, or left out.
LEAST_IMAGES = 6
LEAST_PATIENTS = 3
LEAST_CLASSES = 2
_COLUMNS = (
    "pk",
    "series_id",
    "series__study_id",
    "series__study__patient_id",
    "series__modality",
    "series__body_part_examined",
    "series__manufacturer",
    "series__manufacturer_model_name",
    "series__study__patient__patient_sex",
    "series__study__patient_age",
    "series__study__patient__patient_birth_date",
    "series__study__study_date",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One image to learn from.

    ``key`` is an instance's primary key, or a file; ``case`` is what is judged as one: the series;
    ``facts`` are what it may do worse for: sex, age group, scanner, source.
    """

    key: str
    label: str
    patient: str
    case: str
    facts: dict[str, str] = field(default_factory=dict)
    modality: str = ""
    body_part: str = ""


@dataclass(frozen=True)
class TrainingData:
    """Samples in a fixed order, the classes they have, and what was left out."""

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    left_out: dict[str, int]
    origins: dict[str, int]
    """Where the images come from, with licence, and how many."""
    folder: str = ""

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """Return the class of each sample."""
        place = {label: index for index, label in enumerate(self.labels)}
        return np.array([place[one.label] for one in self.samples], dtype=np.int64)

    @property
    def patients(self) -> list[str]:
        """Return the patient of each sample."""
        return [one.patient for one in self.samples]

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        """Return a sample's pixels; ArchiveError where they can't be decoded."""
        key = self.samples[index].key
        if self.folder:
            return LabelledImage(Path(self.folder) / key, "", "", "", "", "", "").pixels()
        instance = Instance.objects.select_related("blob").get(pk=int(key))
        return render_frame(load_dataset(instance), max(instance.number_of_frames or 1, 1) // 2)


def read_data(recipe: Recipe) -> TrainingData:
    """Collect what a recipe wants to learn from.

    Raises
    ------
    NotEnoughLabelsError
        Fewer than two classes have enough images of enough patients.
    UnsupportedInputError
        The folder has no list of images.
    """
    samples, origins = (
        _of_folder(recipe) if recipe.folder else _of_archive(recipe, recipe.label_set)
    )
    if recipe.labels:
        samples = [one for one in samples if one.label in recipe.labels]
    counts = Counter(one.label for one in samples)
    patients: dict[str, set[str]] = defaultdict(set)
    for one in samples:
        patients[one.label].add(one.patient)
    enough = {
        label
        for label, number in counts.items()
        if number >= LEAST_IMAGES and len(patients[label]) >= LEAST_PATIENTS
    }
    if len(enough) < LEAST_CLASSES:
        raise NotEnoughLabelsError(
            f"A training needs {LEAST_CLASSES} labels with {LEAST_IMAGES} images of"
            f" {LEAST_PATIENTS} patients each; there are {len(enough)}."
        )
    kept = tuple(one for one in samples if one.label in enough)
    left_out = {label: counts[label] for label in sorted(set(counts) - enough)}
    return TrainingData(kept, tuple(sorted(enough)), left_out, origins, recipe.folder)


def _of_folder(recipe: Recipe) -> tuple[list[Sample], dict[str, int]]:
    images = [
        image
        for image in read_labelled_images(Path(recipe.folder))
        if not recipe.group or image.group == recipe.group
    ]
    prefix = _shared_prefix({image.label for image in images})
    samples = [
        Sample(
            key=image.path.relative_to(recipe.folder).as_posix(),
            label=image.label.removeprefix(prefix),
            patient=image.patient,
            case=image.path.name,
            facts={"source": image.source},
            modality=image.modality,
            body_part=image.body_part,
        )
        for image in images
    ]
    origins = Counter(f"{image.source} ({image.licence})" for image in images)
    return samples, dict(origins)


def _shared_prefix(labels: set[str]) -> str:
    """Return what all labels begin with, up to an underscore: ``us_breast_``."""
    words = [label.split("_") for label in sorted(labels)]
    shared = 0
    while words and all(len(one) > shared + 1 for one in words):
        if len({one[shared] for one in words}) > 1:
            break
        shared += 1
    return "".join(f"{word}_" for word in words[0][:shared]) if words else ""


def _of_archive(recipe: Recipe, label_set: str) -> tuple[list[Sample], dict[str, int]]:
    labels = _said(label_set)
    rows = _image_rows(labels)
    by_object = (_several(rows, "study", 2), _several(rows, "series", 1))
    found: dict[int, str] = {}
    for level, members in zip(("study", "series"), by_object, strict=True):
        for key, label in labels[level].items():
            for row in _spread(members.get(key, []), recipe.images_per_series):
                found[row[0]] = label
    found.update(labels["instance"])
    samples = [_sample(row, found[row[0]]) for row in rows if row[0] in found]
    return samples, {"This archive's own images": len(samples)}


def _said(label_set: str) -> dict[str, dict[int, str]]:
    """Return what is labelled how, by level: what most readers say; nothing where they tie."""
    votes: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    rows = Label.objects.filter(label_set=label_set, region=[], frame=None).order_by("pk")
    columns = ("study_id", "series_id", "instance_id", "label")
    for study_id, series_id, instance_id, label in rows.values_list(*columns):
        if instance_id is not None:
            votes["instance", instance_id][label] += 1
        elif series_id is not None:
            votes["series", series_id][label] += 1
        else:
            votes["study", study_id][label] += 1
    said: dict[str, dict[int, str]] = {"study": {}, "series": {}, "instance": {}}
    for (level, key), counts in votes.items():
        ranked = counts.most_common(2)
        if len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
            said[level][key] = ranked[0][0]
    return said


def _image_rows(labels: dict[str, dict[int, str]]) -> list[tuple[Any, ...]]:
    """Return the images of everything that is labelled, in the order of their series."""
    images = Instance.objects.shown().filter(has_pixel_data=True, series__in=image_series())
    wanted = (
        images.filter(series__study__in=labels["study"])
        | images.filter(series__in=labels["series"])
        | images.filter(pk__in=labels["instance"])
    )
    return list(wanted.order_by("series_id", "instance_number", "pk").values_list(*_COLUMNS))


def _several(
    rows: Iterable[tuple[Any, ...]], level: str, column: int
) -> dict[int, list[list[tuple[Any, ...]]]]:
    """Return the series of each object, each series with its images."""
    series: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    owner: dict[int, int] = {}
    for row in rows:
        series[row[1]].append(row)
        owner[row[1]] = row[column] if level == "study" else row[1]
    found: dict[int, list[list[tuple[Any, ...]]]] = defaultdict(list)
    for key, members in series.items():
        found[owner[key]].append(members)
    return found


def _spread(series: Sequence[list[tuple[Any, ...]]], limit: int) -> Iterable[tuple[Any, ...]]:
    for members in series:
        for place in spread_indices(len(members), limit):
            yield members[place]


def _sample(row: tuple[Any, ...], label: str) -> Sample:
    scanner = " ".join(part for part in (row[6].strip(), row[7].strip()) if part)
    return Sample(
        key=str(row[0]),
        label=label,
        patient=str(row[3]),
        case=f"{row[1]}:{label}",
        facts={
            "sex": row[8] or "not stated",
            "age_group": age_group(row[9], row[10], row[11]),
            "scanner": scanner or "not stated",
        },
        modality=row[4],
        body_part=row[5],
    )
