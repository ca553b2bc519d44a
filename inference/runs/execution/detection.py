"""What a detector finds in a volume, as boxes in a 3D SR, as a heat map and as findings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.bundles.networks import load_weights
from inference.bundles.trust import trusted_copy
from inference.pipelines.detection import detect, load_network
from inference.results.codes import LUNG, NODULE
from inference.results.detection_sr import DetectedPlace, build_detection_sr
from inference.results.heatmap import build_heatmap
from inference.results.sr import statement_uid
from inference.runs.execution.devices import on_device
from inference.runs.execution.segmentation import read_run_volume
from inference.runs.execution.storing import algorithm_of, identity_of, store_once
from inference.runs.types import FindingValue, RunOutcome

if TYPE_CHECKING:
    from inference.models import Run
    from inference.pipelines.detection import Detection, DetectionResult
    from inference.pipelines.types import Volume
    from inference.results.types import ResultIdentity

WEIGHTS = Path("models") / "model.pt"
DEFAULT_THRESHOLD = 0.5
# Cooler slices are no part of the heat map.
_LEAST_HEAT = 0.1
# A viewer draws a detection on so many slices at most.
_MOST_SLICES = 64


def run_detection(run: Run) -> RunOutcome:
    """Find what the detector was trained to find.

    Raises
    ------
    BundleNotTrustedError
        The bundle's files are not those that were registered.
    UnsupportedInputError
        The series is no CT of axial slices.
    """
    version, began = run.model_version, time.monotonic()
    volume = read_run_volume(run)
    read = time.monotonic()
    threshold = float(version.config.get("threshold", DEFAULT_THRESHOLD))
    with trusted_copy(Path(version.bundle_path), version.digest) as bundle:
        network = load_network(load_weights(bundle / WEIGHTS))
    done = on_device(
        version,
        lambda device, _batch: detect(network, volume, threshold=threshold, device=device),
    )
    inferred = time.monotonic()
    outcome = store_detections(run, volume, done.result)
    timings = {"read": read - began, "infer": inferred - read, "store": time.monotonic() - inferred}
    outcome.timings.update({step: round(seconds, 3) for step, seconds in timings.items()})
    return outcome


def store_detections(run: Run, volume: Volume, result: DetectionResult) -> RunOutcome:
    """Store what was found as 3D SR and heat map, and say it."""
    if not result.detections:
        return RunOutcome(device=result.device, message="Nothing was found.")
    title, algorithm = run.model_version.name, algorithm_of(run, device=result.device)
    identity = identity_of(run, "sr3d", f"{title}: detections")
    outputs: dict[str, Any] = {
        "sr3d": store_once(
            run,
            identity,
            lambda: build_detection_sr(
                source_datasets=volume.datasets,
                places=[_place(one, volume) for one in result.detections],
                algorithm=algorithm,
                identity=identity,
            ),
        )
    }
    if len(volume.datasets) == len(volume.array_zyx):
        outputs["heatmap"] = _store_heat(run, volume, result)
    return RunOutcome(
        device=result.device,
        message=f"{len(result.detections)} found.",
        findings=tuple(
            _finding(run, one, volume, statement_uid(identity, number))
            for number, one in enumerate(result.detections, start=1)
        ),
        outputs=outputs,
    )


def _store_heat(run: Run, volume: Volume, result: DetectionResult) -> str:
    identity: ResultIdentity = identity_of(run, "heatmap", f"{run.model_version.name}: heat map")
    warm = np.flatnonzero(result.heat_zyx.max(axis=(1, 2)) >= _LEAST_HEAT)
    return store_once(
        run,
        identity,
        lambda: build_heatmap(
            source_datasets=[volume.datasets[index] for index in warm],
            pictures=(),
            heat_zyx=result.heat_zyx[warm],
            meaning=f"Speaks for {_label(run)}",
            algorithm=algorithm_of(run, device=result.device),
            identity=identity,
        ),
    )


def _place(detection: Detection, volume: Volume) -> DetectedPlace:
    low, high = corners_mm(detection)
    middle = round(detection.centre_zyx[0]) if len(volume.datasets) > 1 else 0
    return DetectedPlace(
        probability=detection.score,
        points_mm=(low, high),
        finding=NODULE,
        site=LUNG,
        diameter_mm=2 * detection.radius_mm,
        image=min(max(middle, 0), len(volume.datasets) - 1),
    )


def corners_mm(
    detection: Detection,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the least and the greatest corner of the box around a detection, in LPS."""
    x, y, z = detection.centre_mm
    r = detection.radius_mm
    return (x - r, y - r, z - r), (x + r, y + r, z + r)


def _label(run: Run) -> str:
    return str(run.model_version.config.get("finding") or "finding")


def _finding(run: Run, detection: Detection, volume: Volume, tracking_uid: str) -> FindingValue:
    low, high = corners_mm(detection)
    slices = slices_of(detection, volume)
    middle = slices[len(slices) // 2]
    return FindingValue(
        kind="detection",
        name="finding",
        label=_label(run)[:64],
        value=round(2 * detection.radius_mm, 1),
        unit="mm",
        probability=round(detection.score, 4),
        location={
            "kind": "box",
            "mm": [round(value, 2) for value in (*low, *high)],
            "image": middle[0],
            "frame": middle[1],
            "slices": slices,
        },
        tracking_uid=tracking_uid,
    )


def slices_of(detection: Detection, volume: Volume) -> list[list[Any]]:
    """Say where a detection is drawn on each slice that it cuts.

    Returns
    -------
    UID, 1-based frame, and left, top, width and height in pixels, slice by slice
    """
    z, y, x = detection.centre_zyx
    dz, dy, dx = volume.spacing_mm_zyx
    reach = detection.radius_mm / dz
    last = len(volume.array_zyx) - 1
    first, end = max(0, round(z - reach)), min(last, round(z + reach))
    indices = range(first, end + 1) or range(min(max(round(z), 0), last), last + 1)
    width, height = 2 * detection.radius_mm / dx, 2 * detection.radius_mm / dy
    box = [round(value, 1) for value in (x - width / 2, y - height / 2, width, height)]
    found = []
    for index in indices[:_MOST_SLICES]:
        is_single = len(volume.datasets) > 1
        ds = volume.datasets[index if is_single else 0]
        frame = 1 if is_single else volume.frame_order[index] + 1
        found.append([str(ds.SOPInstanceUID), frame, *box])
    return found
