"""Measure whether comparing slice by slice ranks series better than their mean vectors do.

    python bench/late_interaction.py [--persons N] [--images DATA_DIR] [--space S]

Series are (a) phantoms of the demonstration archive, drawn for N persons a finding, and with
DATA_DIR, which has labels.csv, (b) bags of four labelled images of one class and (c) bags of ten
brain images, of which one, two or three show a tumour: its kind is the label. A query's own
person or patient is never in its gallery; healthy images of (c) are shared between bags, which
can only blur. Prints a Markdown table with 95 % intervals of the differences (bootstrap over
queries).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archive.dicom.rendering import render_frame
from deploy.demo import cohort
from deploy.demo.cohort import Visit
from deploy.demo.datasets import instance_dataset, series_dataset
from deploy.demo.people import Person
from deploy.demo.pictures import series_of
from inference.bundles.embedder import ensure_embedder
from inference.pipelines.embedding import (
    SPACE_NAME,
    OnnxEmbedder,
    mean_vector,
    preprocess,
    spread_indices,
)
from inference.pipelines.late_interaction import WEIGHT, blend, late_interaction
from inference.training.labelled_images import read_labelled_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]
    # Cosine of the mean vectors, slices of the query, slices of the other: the score.
    Scoring = Callable[[float, Vectors, Vectors], float]

FINDINGS = {
    cohort.CHEST_CT: (
        "lung nodule", "lung mass", "pleural effusion", "consolidation", "emphysema", "no finding",
    ),
    cohort.ABDOMEN_CT: (
        "liver metastases", "liver cyst", "kidney cyst", "kidney mass", "ascites", "no finding",
    ),
    cohort.HEAD_CT: (
        "infarct", "intracerebral haemorrhage", "extradural haematoma", "glioma", "no finding",
    ),
    cohort.BRAIN_MR: ("multiple sclerosis", "meningioma", "glioma", "no finding"),
}  # fmt: skip
SLICES = 32
TOP = 50
BAG, BAG_WITH_FEW = 4, 10
HEALTHY = "mr_brain_notumor"
TUMOURS = ("mr_brain_glioma", "mr_brain_meningioma", "mr_brain_pituitary")
# How often images are put into bags anew.
DRAWINGS = 4
_FIRST_NUMBER = 1000


@dataclass(frozen=True)
class Volume:
    """A series' slice vectors, what it shows, and whose it is."""

    vectors: Vectors
    label: str
    owner: str


def phantom_visits(persons: int) -> Iterator[Visit]:
    """Studies of people who are not in the demonstration: everyone has every finding of a kind.

    Amounts vary from 0.7 to 1.3 of the typical one.
    """
    number = _FIRST_NUMBER
    for kind, findings in FINDINGS.items():
        for finding in findings:
            for place in range(persons):
                number += 1
                born = f"{1940 + (number * 7) % 60}0615"
                person = Person(number, "Phantom", born, "FM"[number % 2])
                amount = (
                    0.0 if finding == cohort.NOTHING else 0.7 + 0.6 * place / max(persons - 1, 1)
                )
                yield Visit(number, person, "20250101", "120000", kind, finding, amount)


def phantom_volumes(persons: int, embedder: OnnxEmbedder) -> list[Volume]:
    """Draw the first series of every visit and embed its slices, as the archive would show them."""
    volumes = []
    for visit in phantom_visits(persons):
        series = series_of(visit)[0]
        template = series_dataset(series)
        pictures = [
            render_frame(instance_dataset(series, template, index + 1, series.heights_mm[index]))
            for index in spread_indices(len(series.heights_mm), SLICES)
        ]
        vectors = embedder.embed([preprocess(picture) for picture in pictures])
        volumes.append(Volume(vectors, f"{visit.kind} {visit.finding}", visit.person.key))
    return volumes


def embedded_images(data_dir: Path, embedder: OnnxEmbedder) -> list[Volume]:
    """Embed the labelled images of a folder, each a volume of one slice."""
    images = read_labelled_images(data_dir)
    return [
        Volume(embedder.embed([preprocess(image.pixels())]), image.label, image.patient)
        for image in images
    ]


def bags_of_one_class(images: Sequence[Volume], seed: int) -> list[Volume]:
    """Put images of one class together, four a bag; a patient's images go into one bag."""
    by_class: dict[str, dict[str, list[Vectors]]] = defaultdict(lambda: defaultdict(list))
    for image in images:
        by_class[image.label][image.owner].append(image.vectors)
    bags = []
    for label, owners in sorted(by_class.items()):
        bag: list[Vectors] = []
        for place in np.random.default_rng(seed).permutation(len(owners)):
            bag += list(owners.values())[place]
            if len(bag) >= BAG:
                bags.append(Volume(np.concatenate(bag), label, f"{label} {len(bags)}"))
                bag = []
    return bags


def bags_with_few(images: Sequence[Volume], few: int, seed: int) -> list[Volume]:
    """Put `few` images of a tumour among healthy ones, ten a bag; each tumour's image once."""
    random = np.random.default_rng(seed)
    healthy = [image.vectors for image in images if image.label == HEALTHY]
    bags = []
    for label in TUMOURS:
        shown = [image.vectors for image in images if image.label == label]
        order = random.permutation(len(shown))
        for start in range(0, len(order) - few + 1, few):
            chosen = random.choice(len(healthy), BAG_WITH_FEW - few, replace=False)
            slices = [healthy[k] for k in chosen] + [shown[k] for k in order[start : start + few]]
            bags.append(Volume(np.concatenate(slices), label, f"{label} {start}"))
    return bags


def measure(volumes: Sequence[Volume], scoring: Scoring) -> npt.NDArray[np.float64]:
    """Rank each volume's gallery by mean vectors, then its first `TOP` by another score.

    Returns
    -------
    (queries, 3): whether the first is relevant, precision at 5, average precision
    """
    means = np.stack([mean_vector(volume.vectors) for volume in volumes])
    rows = []
    for query, volume in enumerate(volumes):
        gallery = [k for k, other in enumerate(volumes) if other.owner != volume.owner]
        cosines = means[gallery] @ means[query]
        order = np.argsort(-cosines, kind="stable")
        first, rest = order[:TOP], order[TOP:]
        scores = [
            scoring(float(cosines[k]), volume.vectors, volumes[gallery[k]].vectors) for k in first
        ]
        ranked = [*first[np.argsort(-np.array(scores), kind="stable")], *rest]
        is_relevant = np.array([volumes[gallery[k]].label == volume.label for k in ranked])
        if is_relevant.any():
            precision = np.cumsum(is_relevant) / np.arange(1, len(ranked) + 1)
            rows.append((is_relevant[0], is_relevant[:5].mean(), precision[is_relevant].mean()))
    return np.array(rows, dtype=np.float64)


def by_mean_vectors(cosine: float, _ours: Vectors, _theirs: Vectors) -> float:
    """Leave the order as it is."""
    return cosine


def by_mean_of_maxima(_cosine: float, ours: Vectors, theirs: Vectors) -> float:
    """Score as ColBERT does, both ways."""
    similarity = ours @ theirs.T
    return float(similarity.max(axis=1).mean() + similarity.max(axis=0).mean()) / 2


def by_late_interaction(_cosine: float, ours: Vectors, theirs: Vectors) -> float:
    """Score by late interaction alone."""
    return late_interaction(ours, theirs)


def by_blend(cosine: float, ours: Vectors, theirs: Vectors) -> float:
    """Score as the product does."""
    return blend(cosine, late_interaction(ours, theirs))


SCORINGS: dict[str, Scoring] = {
    "mean vectors": by_mean_vectors,
    "mean of maxima": by_mean_of_maxima,
    "root mean square": by_late_interaction,
    f"mean vectors + {WEIGHT} x root mean square": by_blend,
}


def table_rows(name: str, sets: Sequence[Sequence[Volume]]) -> list[str]:
    """Return the Markdown rows of one kind of material, over several drawings of it."""
    found = {
        scoring: np.concatenate([measure(volumes, by) for volumes in sets])
        for scoring, by in SCORINGS.items()
    }
    base = found["mean vectors"]
    rows = []
    for scoring, figures in found.items():
        means, difference = figures.mean(axis=0), figures - base
        low, high = interval(difference[:, 2])
        rows.append(
            f"| {name} | {len(figures) // len(sets)} | {scoring} | {means[0]:.3f} | {means[1]:.3f}"
            f" | {means[2]:.3f} | {difference[:, 2].mean():+.4f} [{low:+.4f}, {high:+.4f}] |"
        )
    return rows


def interval(values: npt.NDArray[np.float64], rounds: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by bootstrap."""
    random = np.random.default_rng(0)
    drawn = values[random.integers(0, len(values), (rounds, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=8)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--space", default=SPACE_NAME)
    parser.add_argument("--models-dir", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = ensure_embedder(arguments.models_dir or Path(folder), arguments.space)
        embedder = OnnxEmbedder(path, intra_op_threads=1)
        print(f"{arguments.space}, first {TOP} re-ranked\n")
        print("| series | queries | order by | P@1 | P@5 | mAP | mAP - mean vectors' |")
        print("|---|---|---|---|---|---|---|")
        if arguments.persons:
            volumes = phantom_volumes(arguments.persons, embedder)
            print("\n".join(table_rows("phantoms, kind and finding", [volumes])), flush=True)
        if arguments.images is not None:
            images = embedded_images(arguments.images, embedder)
            seeds = range(DRAWINGS)
            bags = [bags_of_one_class(images, seed) for seed in seeds]
            print("\n".join(table_rows("four images of a class", bags)), flush=True)
            for few in (1, 2, 3):
                bags = [bags_with_few(images, few, seed) for seed in seeds]
                print("\n".join(table_rows(f"tumour on {few} of 10", bags)), flush=True)


if __name__ == "__main__":
    main()
