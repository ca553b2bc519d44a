"""Measure retrieval of the default embedding on labelled images, leave one out.

    python bench/retrieval.py DATA_DIR [--models-dir DIR] [--threads N]

DATA_DIR has labels.csv. A query's own patient is never in its gallery. Prints a Markdown table.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.bundles.embedder import ensure_embedder
from inference.pipelines.embedding import OnnxEmbedder, preprocess
from inference.training.labelled_images import LabelledImage, read_labelled_images

BATCH = 8


@dataclass(frozen=True)
class Retrieval:
    """Means over the queries of one group."""

    queries: int
    precision_at_1: float
    precision_at_5: float
    precision_at_10: float
    mean_average_precision: float


def measure(
    vectors: npt.NDArray[np.float32], labels: Sequence[str], patients: Sequence[str]
) -> Retrieval:
    """Return retrieval figures of unit vectors; a query without any relevant item is left out."""
    label_of, patient_of = np.array(labels), np.array(patients)
    similarity = vectors @ vectors.T
    rows = []
    for query in range(len(vectors)):
        gallery = np.flatnonzero(patient_of != patient_of[query])
        ranked = gallery[np.argsort(-similarity[query, gallery], kind="stable")]
        is_relevant = label_of[ranked] == label_of[query]
        if is_relevant.any():
            precision = np.cumsum(is_relevant) / np.arange(1, len(ranked) + 1)
            rows.append(
                (
                    is_relevant[0],
                    is_relevant[:5].mean(),
                    is_relevant[:10].mean(),
                    precision[is_relevant].mean(),
                )
            )
    means = np.array(rows, dtype=float).mean(axis=0)
    return Retrieval(len(rows), *(float(value) for value in means))


def embed_images(
    images: Sequence[LabelledImage], embedder: OnnxEmbedder
) -> npt.NDArray[np.float32]:
    """Return the (n, 384) vectors of labelled images."""
    return np.concatenate(
        [
            embedder.embed([preprocess(one.pixels()) for one in images[start : start + BATCH]])
            for start in range(0, len(images), BATCH)
        ]
    )


def table(images: Sequence[LabelledImage], vectors: npt.NDArray[np.float32]) -> str:
    """Return a Markdown table: all classes, anatomy alone, and findings inside each anatomy."""
    lines = [
        "| what counts as found | among | queries | P@1 | P@5 | P@10 | mAP |",
        "|---|---|---|---|---|---|---|",
    ]
    every = np.arange(len(images))
    pairs = [image.pair for image in images]
    lines.append(_row("same class", "all images", images, vectors, every, None))
    lines.append(_row("same modality and body part", "all images", images, vectors, every, pairs))
    for pair in sorted(set(pairs)):
        chosen = np.array([index for index, one in enumerate(pairs) if one == pair])
        if len({images[index].label for index in chosen}) > 1:
            lines.append(_row("same class", pair, images, vectors, chosen, None))
    return "\n".join(lines)


def _row(
    what: str,
    among: str,
    images: Sequence[LabelledImage],
    vectors: npt.NDArray[np.float32],
    chosen: npt.NDArray[np.int64],
    classes: Sequence[str] | None,
) -> str:
    labels = [classes[index] if classes else images[index].label for index in chosen]
    found = measure(vectors[chosen], labels, [images[index].patient for index in chosen])
    numbers = (
        found.precision_at_1,
        found.precision_at_5,
        found.precision_at_10,
        found.mean_average_precision,
    )
    figures = " | ".join(f"{number:.3f}" for number in numbers)
    return f"| {what} | {among} | {found.queries} | {figures} |"


def main() -> None:
    """Read the arguments, embed, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--models-dir", type=Path, help="where the exported embedder lies")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = ensure_embedder(arguments.models_dir or Path(folder))
        embedder = OnnxEmbedder(path, intra_op_threads=arguments.threads)
        images = read_labelled_images(arguments.data_dir)
        started = time.process_time()
        vectors = embed_images(images, embedder)
        spent_ms = (time.process_time() - started) * 1000 / len(images)
    print(table(images, vectors))
    print(f"\n{len(images)} images, {spent_ms:.1f} ms CPU each with reading and preprocessing.")


if __name__ == "__main__":
    main()
