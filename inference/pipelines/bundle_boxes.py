"""Run a MONAI bundle that finds things in a volume, and read the boxes that it writes."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import BundleRunError, UnsupportedInputError
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.bundle_runner import TIMEOUT_S, BundleJob, bundle_files
from inference.pipelines.detection import Detection
from inference.pipelines.devices import choose_device
from inference.pipelines.types import Volume

# MONAI's names: centre and sides, or the least and the greatest corner.
CENTRES, CORNERS = "cccwhd", "xyzxyz"
_SCORES = ("label_scores", "score", "scores")
_LABELS = ("label", "labels")
_MOST_BOXES = 10_000
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class BoxReading:
    """How a bundle writes its boxes; the defaults are those of MONAI's detection bundles.

    Attributes
    ----------
    mode : ``cccwhd`` or ``xyzxyz``, in millimetres
    space : ``LPS`` or ``RAS``
    threshold : boxes of a lower score are left out
    most : so many of the best are kept
    """

    mode: str = CENTRES
    space: str = "LPS"
    threshold: float = 0.5
    most: int = 50


def detect_with_bundle(
    bundle_dir: Path,
    volume: Volume,
    device: str | None = None,
    *,
    reading: BoxReading,
    job: BundleJob | None = None,
) -> tuple[Detection, ...]:
    """Run a bundle on a volume and return what it found, best first.

    Parameters
    ----------
    bundle_dir : verified folder of the bundle
    volume : input
    device : ``cuda`` or ``cpu``; the best of this machine if absent
    reading : how it writes its boxes
    job : how it is run; as trusted, with the usual time, if absent

    Returns
    -------
    tuple of Detection

    Raises
    ------
    UnsupportedInputError
        The bundle is for another modality.
    BundleRunError
        The bundle failed, took too long, lacks a package, or wrote no boxes that can be read.
    """
    metadata = read_metadata(bundle_dir)
    if metadata.modality and volume.modality and metadata.modality != volume.modality:
        raise UnsupportedInputError(
            f"{metadata.name} is for {metadata.modality}; the series is {volume.modality}."
        )
    chosen = job or BundleJob(timeout_s=TIMEOUT_S)
    with bundle_files(bundle_dir, volume, device or choose_device(), chosen) as (output, _answer):
        found = read_boxes(output, volume, reading)
    best = sorted(found, key=lambda one: -one.score)
    return tuple(one for one in best if one.score >= reading.threshold)[: reading.most]


def read_boxes(folder: Path, volume: Volume, reading: BoxReading) -> list[Detection]:
    """Read the boxes of one image from the JSON that a bundle wrote.

    Parameters
    ----------
    folder : of the bundle's output
    volume : the image
    reading : how it is written

    Returns
    -------
    list of Detection, as written

    Raises
    ------
    BundleRunError
        There is no file of boxes, or it can't be read.
    """
    files = sorted(path for path in folder.rglob("*.json") if path.is_file())
    if len(files) != 1:
        raise BundleRunError(f"The bundle wrote {len(files)} JSON files; one of boxes is expected.")
    try:
        if files[0].stat().st_size > _MOST_BYTES:
            raise BundleRunError("The bundle's file of boxes is too large.")
        entries = _entries(json.loads(files[0].read_text(encoding="utf-8")))
        rows = [row for entry in entries for row in _rows(entry)]
        if len(rows) > _MOST_BOXES:
            raise BundleRunError(f"The bundle found {len(rows)} boxes; that is no detection.")
        return [_found(*row, volume, reading) for row in rows]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BundleRunError(f"The bundle's boxes can't be read: {error}") from error


def _entries(raw: Any) -> list[dict[str, Any]]:
    """Return what is said of images, wherever it stands in the file."""
    if isinstance(raw, dict) and "box" in raw:
        return [raw]
    if isinstance(raw, dict):
        return [entry for value in raw.values() for entry in _entries(value)]
    if isinstance(raw, list):
        return [entry for value in raw for entry in _entries(value)]
    return []


def _rows(entry: dict[str, Any]) -> list[tuple[list[float], float, int]]:
    boxes = entry["box"]
    scores = next((entry[key] for key in _SCORES if key in entry), None)
    labels = next((entry[key] for key in _LABELS if key in entry), [0] * len(boxes))
    if scores is None or len(scores) != len(boxes) or len(labels) != len(boxes):
        raise ValueError("boxes, labels and scores are not of one length")
    return [
        ([float(value) for value in box], float(score), int(label))
        for box, score, label in zip(boxes, scores, labels, strict=True)
    ]


def _found(
    box: list[float], score: float, label: int, volume: Volume, reading: BoxReading
) -> Detection:
    if len(box) != 6 or not all(math.isfinite(value) for value in (*box, score)):
        raise ValueError("a box is six numbers, and its score one")
    first, second = np.asarray(box[:3]), np.asarray(box[3:])
    is_corners = reading.mode == CORNERS
    centre = (first + second) / 2.0 if is_corners else first
    half = np.abs(second - first) / 2.0 if is_corners else np.abs(second) / 2.0
    if reading.space == "RAS":
        centre = centre * np.array([-1.0, -1.0, 1.0])
    x, y, z, _ = np.linalg.inv(volume.affine_lps) @ np.array([*centre, 1.0])
    return Detection(
        score=min(1.0, max(0.0, score)),
        centre_zyx=(float(z), float(y), float(x)),
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        radius_mm=float(half.max()),
        half_mm=(float(half[0]), float(half[1]), float(half[2])),
        label=label,
    )
