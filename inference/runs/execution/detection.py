"""What a detector finds in a volume, as boxes in a 3D SR, as a heat map and as findings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext_noop

from inference.bundles.networks import load_weights
from inference.bundles.states import require_runnable, runs_own_code
from inference.bundles.trust import trusted_copy
from inference.pipelines.bundle_boxes import BoxReading, detect_with_bundle
from inference.pipelines.bundle_runner import BundleJob
from inference.pipelines.detection import DetectionResult, detect, load_network
from inference.results.codes import LUNG, NODULE, local_code
from inference.results.detection_sr import DetectedPlace, build_detection_sr
from inference.results.heatmap import build_heatmap
from inference.results.sr import statement_uid
from inference.runs.execution.devices import on_device
from inference.runs.execution.segmentation import BUNDLE_LIMIT_S, read_run_volume
from inference.runs.execution.storing import algorithm_of, identity_of, store_once
from inference.runs.types import FindingValue, RunOutcome

if TYPE_CHECKING:
    from inference.models import Run
    from inference.pipelines.detection import Detection
    from inference.pipelines.types import Volume
    from inference.results.types import CodeTriple, ResultIdentity

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


def run_bundle_detection(run: Run) -> RunOutcome:
    """Find by a MONAI bundle, such as the Model Zoo's RetinaNets, whose code an admin trusted.

    Raises
    ------
    BundleNotTrustedError
        Nobody trusted its code, or its files changed since.
    BundleRunError
        It failed, or needs a package that isn't installed.
    UnsupportedInputError
        The series is no regular volume.
    """
    version, config = run.model_version, run.model_version.config
    require_runnable(version)
    volume = read_run_volume(run)
    reading = BoxReading(
        mode=str(config.get("box_mode") or BoxReading.mode),
        space=str(config.get("box_space") or BoxReading.space),
        threshold=float(config.get("threshold", DEFAULT_THRESHOLD)),
    )
    job = BundleJob(is_trusted=runs_own_code(version), timeout_s=BUNDLE_LIMIT_S)
    began = time.monotonic()
    with trusted_copy(Path(version.bundle_path), version.digest) as bundle:
        done = on_device(
            version,
            lambda device, _batch: DetectionResult(
                detections=detect_with_bundle(bundle, volume, device, reading=reading, job=job),
                heat_zyx=None,
                device=device,
            ),
        )
    outcome = store_detections(run, volume, done.result)
    outcome.timings["infer"] = round(time.monotonic() - began, 3)
    return outcome


def store_detections(run: Run, volume: Volume, result: DetectionResult) -> RunOutcome:
    """Store what was found as 3D SR and heat map, and say it."""
    if not result.detections:
        return RunOutcome(device=result.device, message=gettext_noop("Nothing was found."))
    title, algorithm = run.model_version.name, algorithm_of(run, device=result.device)
    identity = identity_of(run, "sr3d", f"{title}: detections")
    outputs: dict[str, Any] = {
        "sr3d": store_once(
            run,
            identity,
            lambda: build_detection_sr(
                source_datasets=volume.datasets,
                places=[_place(run, one, volume) for one in result.detections],
                algorithm=algorithm,
                identity=identity,
            ),
        )
    }
    if result.heat_zyx is not None and len(volume.datasets) == len(volume.array_zyx):
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
    heat = np.asarray(result.heat_zyx)
    warm = np.flatnonzero(heat.max(axis=(1, 2)) >= _LEAST_HEAT)
    return store_once(
        run,
        identity,
        lambda: build_heatmap(
            source_datasets=[volume.datasets[index] for index in warm],
            pictures=(),
            heat_zyx=heat[warm],
            meaning=f"Speaks for {_label(run)}",
            algorithm=algorithm_of(run, device=result.device),
            identity=identity,
        ),
    )


def _place(run: Run, detection: Detection, volume: Volume) -> DetectedPlace:
    low, high = corners_mm(detection)
    middle = round(detection.centre_zyx[0]) if len(volume.datasets) > 1 else 0
    finding, site = _code(run, detection)
    return DetectedPlace(
        probability=detection.score,
        points_mm=(low, high),
        finding=finding,
        site=site,
        diameter_mm=2 * detection.radius_mm,
        image=min(max(middle, 0), len(volume.datasets) - 1),
    )


def corners_mm(
    detection: Detection,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the least and the greatest corner of the box around a detection, in LPS."""
    x, y, z = detection.centre_mm
    dx, dy, dz = _half_mm(detection)
    return (x - dx, y - dy, z - dz), (x + dx, y + dy, z + dz)


def _half_mm(detection: Detection) -> tuple[float, float, float]:
    return detection.half_mm or (detection.radius_mm,) * 3


def _label(run: Run, detection: Detection | None = None) -> str:
    """Say what a detection is: its class's name, where the bundle names its classes."""
    number = detection.label if detection is not None else None
    names = [str(one.get("name", "")) for one in run.model_version.labels]
    if number is not None and 0 <= number < len(names) and names[number]:
        return names[number].replace("_", " ")
    return str(run.model_version.config.get("finding") or "finding")


def _code(run: Run, detection: Detection) -> tuple[CodeTriple, CodeTriple | None]:
    """Return what a detection is and where, in codes."""
    if detection.label is None:
        return NODULE, LUNG
    label = _label(run, detection)
    labels: list[dict[str, Any]] = run.model_version.labels
    told = next((one for one in labels if one.get("name") == label), {})
    if all(told.get(key) for key in ("code", "scheme", "meaning")):
        return (str(told["code"]), str(told["scheme"]), str(told["meaning"])), None
    return (NODULE if "nodule" in label.casefold() else local_code(label)), None


def _finding(run: Run, detection: Detection, volume: Volume, tracking_uid: str) -> FindingValue:
    low, high = corners_mm(detection)
    slices = slices_of(detection, volume)
    middle = slices[len(slices) // 2]
    return FindingValue(
        kind="detection",
        name="finding",
        label=_label(run, detection)[:64],
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
    reach_xyz = _half_in_voxels(detection, volume)
    reach = reach_xyz[2]
    last = len(volume.array_zyx) - 1
    first, end = max(0, round(z - reach)), min(last, round(z + reach))
    indices = range(first, end + 1) or range(min(max(round(z), 0), last), last + 1)
    width, height = 2 * reach_xyz[0], 2 * reach_xyz[1]
    box = [round(value, 1) for value in (x - width / 2, y - height / 2, width, height)]
    found = []
    for index in indices[:_MOST_SLICES]:
        is_single = len(volume.datasets) > 1
        ds = volume.datasets[index if is_single else 0]
        frame = 1 if is_single else volume.frame_order[index] + 1
        found.append([str(ds.SOPInstanceUID), frame, *box])
    return found


def _half_in_voxels(detection: Detection, volume: Volume) -> tuple[float, float, float]:
    """Return half the sides along columns, rows and slices: a ball's, or those around a box."""
    dz, dy, dx = volume.spacing_mm_zyx
    if detection.half_mm is None:
        r = detection.radius_mm
        return r / dx, r / dy, r / dz
    columns, rows, slices = np.abs(np.linalg.inv(volume.affine_lps)[:3, :3]) @ detection.half_mm
    return float(columns), float(rows), float(slices)
