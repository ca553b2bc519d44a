"""Measure retrieval outside the product on labelled images, leave one out, as Markdown tables.

    python -m bench.retrieval DATA_DIR [--models-dir DIR] [--threads N] [--partitions N]

DATA_DIR has labels.csv. A query's own patient is never in its gallery. The first table asks with
every image among all others, without labels; the second is fitted on the labels of one half and
asks in the other half. Halves keep a patient together where the patient is known, and nearly the
same images elsewhere; the figures are means over several random partitions into halves.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.retrieval_figures import (
    HEADER,
    Figures,
    Material,
    by_cosine,
    figures_of,
    line,
    read_material,
    two_folds,
)
from inference.bundles.embedder import ensure_embedder
from inference.pipelines.descriptors import DESCRIPTORS, Descriptor
from inference.pipelines.embedding import (
    LEVELS_BLOCKS,
    LEVELS_SPACE_NAME,
    SPACE_NAME,
    OnnxEmbedder,
    preprocess,
)
from inference.pipelines.projection import COMPONENTS, fit_lda, fit_pca
from inference.training.labelled_images import LabelledImage

BATCH = 8
Vectors = npt.NDArray[np.float32]
# Half of the images to fit on, then all vectors as they become.
Fit = Callable[[npt.NDArray[np.intp]], Vectors]


@dataclass(frozen=True, eq=False)
class Space:
    """Vectors of all images, and what one costs."""

    name: str
    vectors: Vectors
    milliseconds: float
    blocks: tuple[int, ...] | None = None


def embed_images(images: Sequence[LabelledImage], embedder: OnnxEmbedder) -> Vectors:
    """Return the vectors of labelled images."""
    return np.concatenate(
        [
            embedder.embed([preprocess(one.pixels()) for one in images[start : start + BATCH]])
            for start in range(0, len(images), BATCH)
        ]
    )


def shipped_spaces(material: Material, models_dir: Path, threads: int) -> list[Space]:
    """Describe and embed all images in every space that the product ships."""
    made = [
        _timed(name, partial(_described, material, descriptor))
        for name, descriptor in DESCRIPTORS.items()
    ]
    made.append(_timed("the network's pooled last layer (usual)", partial(pooled_head, material)))
    for name, blocks in ((SPACE_NAME, None), (LEVELS_SPACE_NAME, LEVELS_BLOCKS)):
        embedder = OnnxEmbedder(ensure_embedder(models_dir, name), intra_op_threads=threads)
        made.append(_timed(name, partial(embed_images, material.images, embedder), blocks))
    return made


def _described(material: Material, descriptor: Descriptor) -> Vectors:
    return np.stack([descriptor.describe(one.pixels()) for one in material.images])


def pooled_head(material: Material) -> Vectors:
    """Return what is usually taken: the mean of the network's last layer, 1280 numbers."""
    import torch  # noqa: PLC0415 only this row needs it

    from inference.bundles.lite_network import build_network  # noqa: PLC0415

    network = build_network(LEVELS_SPACE_NAME)
    found = []
    with torch.no_grad():
        for image in material.images:
            seen = network.run_to(torch.from_numpy(preprocess(image.pixels()))[None], 15)
            found.append(network.top(seen[-1]).mean(dim=(2, 3))[0].numpy())
    rows = np.array(found, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def unlabelled_table(material: Material, spaces: Sequence[Space]) -> str:
    """Return the table of all images, leave one out, nothing fitted on labels."""
    lines = [HEADER, line("chance", "", [_chance(material, seed) for seed in range(5)])]
    for space in spaces:
        vectors = space.vectors
        lines.append(_row(material, space.name, vectors))
    for space in spaces:
        if space.name in (SPACE_NAME, LEVELS_SPACE_NAME):
            fitted = fit_pca(space.vectors, COMPONENTS, blocks=space.blocks)
            name = f"{space.name}, components of the archive"
            lines.append(_row(material, name, fitted.apply(space.vectors)))
    return "\n".join(lines)


def adapted_table(material: Material, spaces: Sequence[Space], partitions: int) -> str:
    """Return the table of halves: each half asks itself after a fit on the other."""
    lines = [HEADER]
    for space in spaces:
        if space.name not in (SPACE_NAME, LEVELS_SPACE_NAME):
            continue
        for suffix, fit in _fits(material, space).items():
            found = [measure_halves(material, fit, seed) for seed in range(partitions)]
            name, dimension = f"{space.name}{suffix}", fit(np.arange(len(material))).shape[1]
            lines.append(line(name, dimension, [one for pair in found for one in pair]))
            if suffix.endswith("labels"):
                first = [np.mean([one.precision_at_1 for one in pair]) for pair in found]
                maps = [np.mean([one.mean_average_precision for one in pair]) for pair in found]
                lines.append(
                    f"| … lowest to highest partition | | {min(first):.3f} to {max(first):.3f} |"
                    f" | | {min(maps):.3f} to {max(maps):.3f} | | | |"
                )
    return "\n".join(lines)


def measure_halves(material: Material, fit: Fit, seed: int) -> tuple[Figures, Figures]:
    """Fit on each half of a partition, and ask with the other half in the other half."""
    halves = two_folds(material, seed)
    first, second = (
        figures_of(
            material,
            by_cosine(fit(np.flatnonzero(halves == half))),
            np.flatnonzero(halves != half),
        )
        for half in (0, 1)
    )
    return first, second


def unseen_table(material: Material, space: Space) -> str:
    """Return what a head does to a group whose labels it never saw."""
    lines = [
        "| labels left out of the fit | mAP within, components alone | and head |",
        "|---|---|---|",
    ]
    for place, group in enumerate(("cxr", "brain", "us")):
        chosen = np.flatnonzero(material.groups != group)
        alone = fit_pca(space.vectors, COMPONENTS, blocks=space.blocks).apply(space.vectors)
        adapted = _adapted(material, space, chosen, space.vectors)
        values = [figures_of(material, by_cosine(rows)).within[place] for rows in (alone, adapted)]
        lines.append(f"| {group} | {values[0]:.3f} | {values[1]:.3f} |")
    return "\n".join(lines)


def _fits(material: Material, space: Space) -> dict[str, Fit]:
    vectors, blocks = space.vectors, space.blocks
    return {
        "": lambda chosen: vectors,
        ", components": lambda chosen: fit_pca(vectors[chosen], 300, blocks=blocks).apply(vectors),
        ", fitted to labels": lambda chosen: _adapted(material, space, chosen, None),
    }


def _adapted(
    material: Material, space: Space, chosen: npt.NDArray[np.intp], reference: Vectors | None
) -> Vectors:
    fitted = fit_lda(
        space.vectors[chosen],
        [str(label) for label in material.labels[chosen]],
        groups=[str(patient) for patient in material.patients[chosen]],
        reference=reference,
        blocks=space.blocks,
    )
    return fitted.apply(space.vectors)


def _chance(material: Material, seed: int) -> Figures:
    random = np.random.default_rng(seed)
    return figures_of(material, lambda query: random.permutation(len(material)))


def _row(material: Material, name: str, vectors: Vectors) -> str:
    return line(name, vectors.shape[1], [figures_of(material, by_cosine(vectors))])


def _timed(name: str, make: Callable[[], Vectors], blocks: tuple[int, ...] | None = None) -> Space:
    started = time.process_time()
    vectors = make()
    spent = time.process_time() - started
    return Space(name, vectors, 1000 * spent / len(vectors), blocks)


def main() -> None:
    """Read the arguments, embed, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--models-dir", type=Path, help="where exported embedders lie")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--partitions", type=int, default=5)
    arguments = parser.parse_args()
    material = read_material(arguments.data_dir)
    with tempfile.TemporaryDirectory() as folder:
        directory = arguments.models_dir or Path(folder)
        spaces = shipped_spaces(material, directory, arguments.threads)
    several = len(material) - len(np.unique(material.kin))
    print(f"{len(material)} images, {several} of them kin of others.\n")
    print(unlabelled_table(material, spaces) + "\n")
    print(adapted_table(material, spaces, arguments.partitions) + "\n")
    print(unseen_table(material, spaces[-1]) + "\n")
    for space in spaces:
        print(f"{space.name}: {space.milliseconds:.1f} ms CPU an image, reading included.")


if __name__ == "__main__":
    main()
