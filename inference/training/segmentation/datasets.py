"""Series with masks, as a training takes them. No torch here."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.models import Series
from inference.similarity.errors import NotEnoughLabelsError
from inference.similarity.quality.labelled import age_group
from inference.training.datasets import Sample
from inference.training.segmentation.stored_masks import StoredSegment, stored_segments

if TYPE_CHECKING:
    from inference.pipelines.types import CodeTriple
    from inference.training.recipe import Recipe

# One to learn from, one to end by, one to judge by.
LEAST_PATIENTS = 3


@dataclass(frozen=True)
class Structure:
    """What is learned: its name, and the codes its segments have."""

    name: str
    category: CodeTriple
    property_type: CodeTriple


@dataclass(frozen=True)
class MaskData:
    """Series in a fixed order, and where the masks of each structure lie.

    Attributes
    ----------
    samples : one a series; its key is the series' primary key
    masks : of each series, place of a structure to SEG object and segment number
    structures : in the order of the label map's values, from 1
    origins : where the masks come from, and how many
    """

    samples: tuple[Sample, ...]
    masks: tuple[dict[int, tuple[int, int]], ...]
    structures: tuple[Structure, ...]
    origins: dict[str, int]

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the structures' names."""
        return tuple(one.name for one in self.structures)

    @property
    def patients(self) -> list[str]:
        """Return the patient of each series."""
        return [one.patient for one in self.samples]


def read_masks(recipe: Recipe) -> MaskData:
    """Collect the series whose SEG objects have the recipe's segments.

    Where several objects have one structure of a series, a person's comes before a model's, and
    the newest before older ones.

    Raises
    ------
    NotEnoughLabelsError
        A segment is on no series, or they are all together of too few patients.
    """
    chosen = _chosen(recipe)
    series = _series({uid for uid, _ in chosen})
    by_series: dict[str, dict[int, StoredSegment]] = defaultdict(dict)
    for (uid, place), segment in chosen.items():
        if uid in series:
            by_series[uid][place] = segment
    order = sorted(by_series, key=lambda uid: series[uid].pk)
    samples = tuple(_sample(series[uid]) for uid in order)
    if len({one.patient for one in samples}) < LEAST_PATIENTS:
        raise NotEnoughLabelsError(
            f"A training of masks needs {LEAST_PATIENTS} patients with such segments on images of"
            f" this archive; there are {len({one.patient for one in samples})}."
        )
    masks = tuple(
        {place: (one.instance, one.number) for place, one in sorted(by_series[uid].items())}
        for uid in order
    )
    origins = Counter(
        "SEG objects by people" if one.is_by_person else "SEG objects by models"
        for found in by_series.values()
        for one in found.values()
    )
    return MaskData(samples, masks, _structures(recipe, by_series), dict(origins))


def _chosen(recipe: Recipe) -> dict[tuple[str, int], StoredSegment]:
    """Return the segment that counts of each series and structure."""
    found: dict[tuple[str, int], StoredSegment] = {}
    for segment in stored_segments():
        if recipe.masks_by == ("models" if segment.is_by_person else "people"):
            continue
        for place, wanted in enumerate(recipe.segments, start=1):
            if not segment.is_called(wanted):
                continue
            key = segment.series_uid, place
            known = found.get(key)
            if known is None or (segment.is_by_person and not known.is_by_person):
                found[key] = segment
    absent = {*range(1, len(recipe.segments) + 1)} - {place for _, place in found}
    if absent:
        name = recipe.segments[min(absent) - 1]
        raise NotEnoughLabelsError(f"No segmentation of this archive has a segment “{name}”.")
    return found


def _series(uids: set[str]) -> dict[str, Series]:
    rows = Series.objects.filter(series_instance_uid__in=uids, withheld="")
    rows = rows.select_related("study__patient").order_by("pk")
    return {one.series_instance_uid: one for one in rows}


def _structures(
    recipe: Recipe, by_series: dict[str, dict[int, StoredSegment]]
) -> tuple[Structure, ...]:
    """Name each structure as most of its segments do."""
    structures = []
    for place, wanted in enumerate(recipe.segments, start=1):
        segments = [found[place] for _, found in sorted(by_series.items()) if place in found]
        said = Counter((one.label, one.category, one.property_type) for one in segments)
        if not said:
            raise NotEnoughLabelsError(f"No series of this archive has a segment “{wanted}”.")
        label, category, property_type = said.most_common(1)[0][0]
        structures.append(Structure(label or wanted, category, property_type))
    if len({one.name for one in structures}) < len(structures):
        raise NotEnoughLabelsError("Two of the segments are one and the same.")
    return tuple(structures)


def _sample(series: Series) -> Sample:
    study = series.study
    patient = study.patient
    scanner = " ".join(
        part
        for part in (series.manufacturer.strip(), series.manufacturer_model_name.strip())
        if part
    )
    return Sample(
        key=str(series.pk),
        label="",
        patient=str(patient.pk),
        case=str(series.pk),
        facts={
            "sex": patient.patient_sex or "not stated",
            "age_group": age_group(study.patient_age, patient.patient_birth_date, study.study_date),
            "scanner": scanner or "not stated",
        },
        modality=series.modality,
        body_part=series.body_part_examined,
    )
