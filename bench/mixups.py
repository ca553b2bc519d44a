"""How surely are mix-ups found? Copies of images, and body parts written wrongly, on real images.

    python bench/mixups.py DATA_DIR [--models-dir DIR] [--images N]

DATA_DIR has labels.csv. Copies: images are changed as exports and screenshots change them, and
each is verified against its original; as a counter-proof, the nearest other images are verified,
too, and what verifies there is counted apart (the data have real duplicates). Body parts: a share
of all is replaced at random, and the nearest images vote. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.testing")
# The rule is a function of what it is given; no service is asked.
os.environ.setdefault("DATABASE_URL", "postgres://nobody@localhost/none")
os.environ.setdefault("REDIS_URL", "redis://localhost")

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from inference.training.labelled_images import LabelledImage

    Picture = npt.NDArray[np.uint8]

_NEIGHBOURS = 45
_SHARES = (0.0, 0.05, 0.1, 0.2)
_COUNTER_PAIRS = 100


def _resized(picture: Picture) -> Picture:
    rows, columns = picture.shape
    size = (round(columns * 0.7), round(rows * 0.7))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def _compressed(picture: Picture) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=50)
    return np.asarray(Image.open(stream))


def _cropped(picture: Picture) -> Picture:
    rows, columns = picture.shape
    return picture[rows // 5 : rows - rows // 5, columns // 5 : columns - columns // 5]


def _turned(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).rotate(3, Image.Resampling.BILINEAR))


def _windowed(picture: Picture) -> Picture:
    return np.clip((picture.astype(float) - 30) * 1.4, 0, 255).astype(np.uint8)


def _named(picture: Picture) -> Picture:
    marked = picture.copy()
    marked[: picture.shape[0] // 12, : picture.shape[1] // 3] = 255
    return marked


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "JPEG, quality 50": _compressed,
    "scaled to 70 %": _resized,
    "middle 60 % cut out": _cropped,
    "turned by 3 degrees": _turned,
    "another window": _windowed,
    "a white label burnt in": _named,
    "inverted": lambda picture: (255 - picture).astype(np.uint8),
}


def print_copies(pictures: list[Picture], cosines: npt.NDArray[np.float32], count: int) -> None:
    """Verify changed copies, and the nearest other images as the counter-proof."""
    from inference.pipelines.keypoints import verify_same_picture  # noqa: PLC0415 after the path

    rng = np.random.default_rng(0)
    chosen = rng.choice(len(pictures), min(count, len(pictures)), replace=False)
    print("| change | copies | verified |\n|---|---|---|")
    started, number = time.process_time(), 0
    for name, change in CHANGES.items():
        found = sum(
            verify_same_picture(pictures[index], change(pictures[index])).is_same
            for index in chosen
        )
        number += len(chosen)
        print(f"| {name} | {len(chosen)} | {found} |", flush=True)
    nearest = cosines.argmax(axis=1)
    pairs = sorted({tuple(sorted((index, int(other)))) for index, other in enumerate(nearest)})
    pairs.sort(key=lambda pair: -cosines[pair])
    same = [verify_same_picture(pictures[a], pictures[b]) for a, b in pairs[:_COUNTER_PAIRS]]
    number += len(same)
    verified = sum(one.is_same for one in same)
    print(f"| none: the {len(same)} nearest pairs of other images | {len(same)} | {verified} |")
    spent = (time.process_time() - started) / number
    print(f"\n{spent:.2f} s of CPU a pair.\n")


def print_body_parts(images: list[LabelledImage], cosines: npt.NDArray[np.float32]) -> None:
    """Plant wrong body parts and count what the vote finds."""
    from inference.similarity.suspicions.body_regions import regions_of  # noqa: PLC0415
    from inference.similarity.suspicions.contradictions import contradictions_of  # noqa: PLC0415
    from inference.similarity.suspicions.neighbours import Neighbour  # noqa: PLC0415

    near = np.argsort(-cosines, axis=1)[:, :_NEIGHBOURS]
    parts = sorted({image.body_part for image in images})
    print("| wrong body parts | planted | found | false alarms |\n|---|---|---|---|")
    for share in _SHARES:
        rng = np.random.default_rng(1)
        stated = [image.body_part for image in images]
        planted = set()
        for index in rng.choice(len(images), round(share * len(images)), replace=False):
            true = regions_of(stated[index])
            others = [part for part in parts if not regions_of(part) & true]
            stated[index] = str(rng.choice(others))
            planted.add(int(index))
        alarms = {
            index
            for index in range(len(images))
            if contradictions_of(
                body_part=stated[index],
                modality="",
                neighbours=[
                    Neighbour(
                        int(other), None, None, float(cosines[index, other]), stated[other], ""
                    )
                    for other in near[index]
                ],
            )
        }
        false = len(alarms - planted)
        print(f"| {share:.0%} | {len(planted)} | {len(alarms & planted)} | {false} |", flush=True)


def main() -> None:
    """Read the arguments, embed, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--models-dir", type=Path, help="where the exported embedder lies")
    parser.add_argument("--images", type=int, default=50, help="images that are changed")
    arguments = parser.parse_args()
    import django  # noqa: PLC0415 after the environment

    django.setup()
    from inference.bundles.embedder import ensure_embedder  # noqa: PLC0415 after setup
    from inference.pipelines.embedding import OnnxEmbedder, preprocess  # noqa: PLC0415
    from inference.training.labelled_images import read_labelled_images  # noqa: PLC0415

    images = read_labelled_images(arguments.data_dir)
    pictures = [image.pixels() for image in images]
    with tempfile.TemporaryDirectory() as folder:
        embedder = OnnxEmbedder(ensure_embedder(arguments.models_dir or Path(folder)))
        vectors = np.concatenate([embedder.embed([preprocess(one)]) for one in pictures])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    print_copies(pictures, cosines, arguments.images)
    print_body_parts(images, cosines)


if __name__ == "__main__":
    main()
