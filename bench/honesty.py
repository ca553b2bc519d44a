"""Measure whether the search says so when nothing is close.

    python -m bench.honesty DATA_DIR [--space NAME] [--models-dir DIR] [--threads N]

DATA_DIR has labels.csv. The archive is calibrated by the product's own rule; then it is asked

- with images of patients it does not have (five folds): what is flagged is a false alarm;
- with all images of one anatomy that was taken out of it: what is flagged is detected;
- with pictures that are no such images at all (scikit-image's photographs, noise).

Each twice: as DICOM, which states its modality, and as a plain picture, which is judged by the
modality of its nearest result. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import skimage.data

from inference.bundles.embedder import ensure_embedder
from inference.pipelines.embedding import (
    LEVELS_SPACE_NAME,
    SPACE_NAME,
    OnnxEmbedder,
    preprocess,
)
from inference.similarity.quality.cuts import Cut, cut_of, nearest_others
from inference.similarity.quality.figures import comparable, scores_between
from inference.training.labelled_images import read_labelled_images

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

FOLDS = 5
LEAST_OBJECTS = 30
BATCH = 8
PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "chelsea", "clock", "coffee", "coins", "grass",
    "gravel", "horse", "logo", "moon", "page", "rocket", "text",
)  # fmt: skip


@dataclass(frozen=True)
class Archive:
    """What is searched, and what close means in it."""

    vectors: npt.NDArray[np.float32]
    modalities: npt.NDArray[np.str_]
    cuts: dict[str, Cut]


@dataclass(frozen=True)
class Flagged:
    """Shares of the queries, as DICOM and as plain pictures."""

    queries: int
    nothing_close: tuple[float, float]
    out_of_distribution: tuple[float, float]


def calibrated(
    vectors: npt.NDArray[np.float32],
    modalities: npt.NDArray[np.str_],
    patients: Sequence[str],
    labels: Sequence[str] | None,
) -> Archive:
    """Calibrate an archive by the product's rule, with or without labels."""
    keys = np.unique(np.array(patients), return_inverse=True)[1].astype(np.int64)
    sets = [[frozenset([label]) for label in labels]] if labels is not None else None
    rows = {"": np.arange(len(vectors))}
    for modality in set(modalities.tolist()):
        own = np.flatnonzero(modalities == modality)
        if len(own) >= LEAST_OBJECTS:
            rows[modality] = own
    cuts = {
        name: cut_of(nearest_others(vectors, keys, chosen, "cosine"), sets)
        for name, chosen in rows.items()
    }
    return Archive(vectors, modalities, cuts)


def ask(
    archive: Archive, vectors: npt.NDArray[np.float32], modalities: Sequence[str]
) -> list[tuple[tuple[bool, bool], tuple[bool, bool]]]:
    """Return for each query (nothing close, out of distribution): as DICOM, as a picture."""
    scores = scores_between(vectors, archive.vectors, "cosine")
    nearest = scores.argmax(axis=1)
    flags = []
    for row, modality in enumerate(modalities):
        score = float(scores[row, nearest[row]])
        ways = (modality, str(archive.modalities[nearest[row]]))
        cuts = [archive.cuts.get(way, archive.cuts[""]) for way in ways]
        flags.append(tuple((score < cut.cut, score < cut.lowest) for cut in cuts))
    return flags


def summed(flags: Sequence[tuple[tuple[bool, bool], tuple[bool, bool]]]) -> Flagged:
    """Return the shares of flagged queries."""
    table = np.array(flags, dtype=float)
    means = table.mean(axis=0)
    return Flagged(
        queries=len(table),
        nothing_close=(float(means[0, 0]), float(means[1, 0])),
        out_of_distribution=(float(means[0, 1]), float(means[1, 1])),
    )


def other_pictures(rng: np.random.Generator) -> dict[str, list[npt.NDArray[np.uint8]]]:
    """Return pictures that are no radiological images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        photographs = [_grey(getattr(skimage.data, name)()) for name in PHOTOGRAPHS]
    made = [rng.integers(0, 256, (256, 256)).astype(np.uint8) for _ in range(8)]
    for _ in range(8):
        coarse = rng.integers(0, 256, (8, 8)).astype(np.uint8)
        made.append(np.kron(coarse, np.ones((32, 32), dtype=np.uint8)))
    return {"photographs and pages": photographs, "noise and blocks": made}


def _grey(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    values = np.asarray(picture, dtype=np.float64)
    if values.ndim == 3:
        values = values[..., :3].mean(axis=2)
    top = 1.0 if values.max() <= 1 else 255.0
    return np.asarray(np.clip(values / top * 255, 0, 255), dtype=np.uint8)


def embed(
    embedder: OnnxEmbedder, pictures: Iterable[npt.NDArray[np.uint8]]
) -> npt.NDArray[np.float32]:
    """Return comparable vectors of display images."""
    ready = [preprocess(picture) for picture in pictures]
    batches = [ready[start : start + BATCH] for start in range(0, len(ready), BATCH)]
    vectors = np.concatenate([embedder.embed(np.stack(batch)) for batch in batches])
    return comparable(vectors, "cosine")


def tables(data_dir: Path, embedder: OnnxEmbedder, *, with_labels: bool) -> str:
    """Ask all that there is to ask; return the Markdown."""
    images = read_labelled_images(data_dir)
    vectors = embed(embedder, (one.pixels() for one in images))
    modalities = np.array([one.modality for one in images])
    patients = np.array([one.patient for one in images])
    labels = np.array([one.label for one in images])
    pairs = np.array([one.pair for one in images])

    def archive(rows: npt.NDArray[np.bool_]) -> Archive:
        known = labels[rows].tolist() if with_labels else None
        return calibrated(vectors[rows], modalities[rows], patients[rows].tolist(), known)

    def asked(searched: Archive, rows: npt.NDArray[np.bool_]) -> list:
        return ask(searched, vectors[rows], modalities[rows].tolist())

    folds = _folds(patients)
    false_alarms: dict[str, list] = {pair: [] for pair in sorted(set(pairs))}
    for fold in range(FOLDS):
        searched = archive(folds != fold)
        for pair, flags in false_alarms.items():
            rows = (folds == fold) & (pairs == pair)
            if rows.any():
                flags.extend(asked(searched, rows))
    hidden = {pair: asked(archive(pairs != pair), pairs == pair) for pair in false_alarms}
    whole = archive(np.ones(len(images), dtype=bool))
    others = {
        name: ask(whole, embed(embedder, pictures), [""] * len(pictures))
        for name, pictures in other_pictures(np.random.default_rng(0)).items()
    }
    return "\n\n".join(
        (
            _table("false alarms: new patients of", false_alarms),
            _table("detected: an anatomy the archive has not", hidden),
            _table("detected: other pictures", others),
        )
    )


def _folds(patients: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    names, codes = np.unique(patients, return_inverse=True)
    return np.random.default_rng(0).integers(0, FOLDS, len(names))[codes]


def _table(title: str, groups: dict[str, list]) -> str:
    lines = [
        f"| {title} | queries | nothing close: DICOM, picture | out of distribution |",
        "|---|---|---|---|",
    ]
    every = [flag for flags in groups.values() for flag in flags]
    for name, flags in [*groups.items(), ("**all**", every)]:
        found = summed(flags)
        shares = [
            ", ".join(f"{100 * share:.0f} %" for share in way)
            for way in (found.nothing_close, found.out_of_distribution)
        ]
        lines.append(f"| {name} | {found.queries} | {shares[0]} | {shares[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument(
        "--space", choices=[LEVELS_SPACE_NAME, SPACE_NAME], default=LEVELS_SPACE_NAME
    )
    parser.add_argument("--models-dir", type=Path, help="where the exported embedder lies")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = ensure_embedder(arguments.models_dir or Path(folder), arguments.space)
        embedder = OnnxEmbedder(path, intra_op_threads=arguments.threads)
        print("## Without labels: the 5 % quantile\n")
        print(tables(arguments.data_dir, embedder, with_labels=False))
        print("\n## With labels: four of five neighbours agree\n")
        print(tables(arguments.data_dir, embedder, with_labels=True))


if __name__ == "__main__":
    main()
