"""Labelled images, their two folds, and the figures of ranked lists over them."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference.training.labelled_images import LabelledImage, read_labelled_images

Indices = npt.NDArray[np.intp]
# Answers a query, by its index, with the indices of all images that may be found, best first.
Ranker = Callable[[int], Indices]

# Thumbnails that correlate more than this show nearly the same image.
NEAR_DUPLICATE = 0.95
THUMBNAIL = 32
# Groups of labels.csv within which only the finding tells images apart.
HARD_GROUPS = {"CXR": "cxr", "brain MR": "brain", "breast US": "us"}
HEADER = (
    "| | dimensions | P@1 | P@5 | P@10 | mAP | CXR | brain MR | breast US |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, eq=False)
class Material:
    """What is measured on.

    Attributes
    ----------
    images : rows of labels.csv
    labels, patients, groups : of each image; an image without a patient is its own
    kin : images of one number are of one patient or nearly the same image
    """

    images: tuple[LabelledImage, ...]
    labels: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]
    kin: Indices

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Figures:
    """Means over queries, and mean average precision within each hard group."""

    queries: int
    precision_at_1: float
    precision_at_5: float
    precision_at_10: float
    mean_average_precision: float
    within: tuple[float, ...]

    def values(self) -> npt.NDArray[np.float64]:
        """Return the figures in the order of `HEADER`."""
        plain = (self.precision_at_1, self.precision_at_5, self.precision_at_10)
        return np.array([*plain, self.mean_average_precision, *self.within])


def read_material(data_dir: Path) -> Material:
    """Read a folder with labels.csv, and find which images belong together."""
    images = tuple(read_labelled_images(data_dir))
    with (data_dir / "labels.csv").open(newline="", encoding="utf-8") as stream:
        groups = [row.get("group", "") for row in csv.DictReader(stream)]
    patients = np.array([image.patient for image in images])
    return Material(
        images=images,
        labels=np.array([image.label for image in images]),
        patients=patients,
        groups=np.array(groups),
        kin=kin_of(_thumbnails(images), patients),
    )


def kin_of(thumbnails: npt.NDArray[np.float64], patients: npt.NDArray[np.str_]) -> Indices:
    """Return a number for each image, the same for one patient and for nearly the same image."""
    likeness = thumbnails @ thumbnails.T
    together = (likeness > NEAR_DUPLICATE) | (patients[:, None] == patients[None])
    found = np.arange(len(patients))
    while True:
        nearest = np.where(together, found[None], len(found)).min(axis=1)
        if (nearest == found).all():
            return found
        found = nearest


def two_folds(material: Material, seed: int) -> Indices:
    """Deal the images into halves 0 and 1: kin together, classes even, the rest by chance."""
    classes = np.unique(material.labels, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    kin = [
        np.flatnonzero(material.kin == key) for key in random.permutation(np.unique(material.kin))
    ]
    halves = np.zeros(len(material), dtype=np.intp)
    load = np.zeros((2, int(classes.max()) + 1))
    for members in sorted(kin, key=len, reverse=True):
        half = int(np.lexsort((load.sum(axis=1), load[:, classes[members[0]]]))[0])
        halves[members] = half
        np.add.at(load[half], classes[members], 1)
    return halves


def figures_of(material: Material, rank: Ranker, among: Indices | None = None) -> Figures:
    """Ask with every image among some (or all), which are the gallery too; leave patients out.

    A query without anything relevant in the gallery is left out of the means.
    """
    chosen = np.arange(len(material)) if among is None else among
    is_chosen = np.zeros(len(material), dtype=bool)
    is_chosen[chosen] = True
    rows: list[tuple[float, ...]] = []
    within: dict[str, list[float]] = {group: [] for group in HARD_GROUPS.values()}
    for query in chosen:
        ranked = rank(int(query))
        ranked = ranked[is_chosen[ranked] & (material.patients[ranked] != material.patients[query])]
        relevant = material.labels[ranked] == material.labels[query]
        if relevant.any():
            precisions = (relevant[0], relevant[:5].mean(), relevant[:10].mean())
            rows.append((*precisions, average_precision(relevant)))
        group = str(material.groups[query])
        if group in within and (inside := relevant[material.groups[ranked] == group]).any():
            within[group].append(average_precision(inside))
    first, five, ten, average = np.array(rows, dtype=float).reshape(-1, 4).mean(axis=0).tolist()
    hard = tuple(float(np.mean(found)) if found else float("nan") for found in within.values())
    return Figures(len(rows), first, five, ten, average, hard)


def average_precision(relevant: npt.NDArray[np.bool_]) -> float:
    """Return the mean of the precisions at each relevant place of a ranked list."""
    precision = np.cumsum(relevant) / np.arange(1, len(relevant) + 1)
    return float(precision[relevant].mean())


def by_cosine(vectors: npt.NDArray[np.float32]) -> Ranker:
    """Rank all images by cosine, exactly."""
    similarity = vectors @ vectors.T

    def rank(query: int) -> Indices:
        return np.argsort(-similarity[query], kind="stable")

    return rank


def line(name: str, dimension: int | str, figures: Sequence[Figures]) -> str:
    """Return a row of the table: means over halves, weighted by their queries."""
    weights = np.array([one.queries for one in figures], dtype=float)
    values = np.average([one.values() for one in figures], axis=0, weights=weights)
    return f"| {name} | {dimension} | " + " | ".join(f"{value:.3f}" for value in values) + " |"


def _thumbnails(images: Sequence[LabelledImage]) -> npt.NDArray[np.float64]:
    rows = []
    for image in images:
        small = Image.fromarray(image.pixels()).resize((THUMBNAIL,) * 2, Image.Resampling.BILINEAR)
        row = np.asarray(small, dtype=np.float64).ravel()
        rows.append(row - row.mean())
    stacked = np.array(rows)
    lengths = np.linalg.norm(stacked, axis=1, keepdims=True)
    return np.asarray(stacked / np.maximum(lengths, 1e-9), dtype=np.float64)
