"""The nodule detector of the distribution: trained and tested on phantoms, written as a bundle."""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from monai.networks.nets.unet import UNet

from deploy.demo.labelled_nodules import NodulePhantom, make_phantom
from inference.pipelines.detection import NetworkGrid, find_peaks, infer, to_network_grid
from inference.training.detector import DetectorRecipe, Place, label_volume, train_detector
from inference.training.froc import Found, Froc, froc

VERSION = "1"
THICKNESSES_MM = (9.0, 4.5, 6.0, 9.0, 3.0)
# What is kept as a candidate for the curve; the bundle's own threshold is far higher.
_FLOOR = 0.05

_FORMATS = {
    "inputs": {
        "image": {
            "type": "image",
            "format": "hounsfield",
            "modality": "CT",
            "num_channels": 3,
            "spatial_shape": ["8*n", "8*n"],
            "dtype": "float32",
            "value_range": [0, 1],
            "is_patch_data": False,
            "channel_def": {"0": "slice below", "1": "slice", "2": "slice above"},
        }
    },
    "outputs": {
        "pred": {
            "type": "object",
            "format": "heatmap",
            "num_channels": 2,
            "spatial_shape": ["8*n", "8*n"],
            "dtype": "float32",
            "value_range": [],
            "is_patch_data": False,
            "channel_def": {"0": "logit of lung nodule + 4", "1": "ln(radius / 8 mm)"},
        }
    },
}

Report = Callable[[str], None]


@dataclass(frozen=True)
class DetectorPlan:
    """How many people to train on, to choose the threshold on and to test on, and how long."""

    training: int = 48
    tuning: int = 12
    testing: int = 40
    recipe: DetectorRecipe = field(default_factory=DetectorRecipe)


def phantoms(part: str, count: int) -> list[NodulePhantom]:
    """Make the people of one part; no part knows a person of another."""
    return [
        make_phantom(f"{part} {index}", thickness_mm=THICKNESSES_MM[index % len(THICKNESSES_MM)])
        for index in range(count)
    ]


def make_detector(folder: Path, plan: DetectorPlan, *, report: Report) -> Froc:
    """Train, choose the threshold, test, and write the bundle; return what the test said."""
    started = monotonic()
    labelled = [
        label_volume(
            one.volume_zyx,
            one.spacing_mm_zyx,
            [Place(nodule.centre_mm_zyx, nodule.radius_mm) for nodule in one.nodules],
        )
        for one in phantoms("training", plan.training)
    ]
    report(f"{len(labelled)} phantoms to train on, {monotonic() - started:.0f} s")
    network = train_detector(
        labelled,
        plan.recipe,
        on_progress=lambda step, loss: report(
            f"step {step} loss {loss:.3f} {monotonic() - started:.0f} s"
        ),
    )
    # What is shipped is what is tested: in half precision.
    state = {key: _halved(value) for key, value in network.state_dict().items()}
    network.load_state_dict(
        {key: value.to(network.state_dict()[key].dtype) for key, value in state.items()}
    )
    threshold = choose_threshold(network, phantoms("tuning", plan.tuning))
    result = evaluate(network, phantoms("testing", plan.testing))
    seconds = monotonic() - started
    write_bundle(folder, state, threshold, (plan, result, seconds))
    report(f"FROC score {result.score:.3f}, threshold {threshold:.2f}, {seconds:.0f} s")
    return result


def _halved(value: torch.Tensor) -> torch.Tensor:
    return value.half() if value.is_floating_point() else value


def detections_of(network: UNet, phantom: NodulePhantom) -> list[Found]:
    """Return what the network finds, in mm from the middle of the first voxel."""
    grid = to_network_grid(phantom.volume_zyx, phantom.spacing_mm_zyx)
    heat, size = infer(network, grid.slices_zyx)
    peaks = find_peaks(heat, size, grid.spacing_mm_zyx, threshold=_FLOOR)
    return [Found(_mm(peak.at_zyx, grid, phantom), peak.score, peak.radius_mm) for peak in peaks]


def _mm(
    at_zyx: Sequence[float], grid: NetworkGrid, phantom: NodulePhantom
) -> tuple[float, float, float]:
    middle = (np.asarray(at_zyx) + 0.5) * grid.spacing_mm_zyx
    z, y, x = (float(value) for value in middle - np.asarray(phantom.spacing_mm_zyx) / 2)
    return z, y, x


def truth_of(phantom: NodulePhantom) -> list[Found]:
    """Return what is there."""
    return [Found(nodule.centre_mm_zyx, radius_mm=nodule.radius_mm) for nodule in phantom.nodules]


def evaluate(network: UNet, cases: Sequence[NodulePhantom]) -> Froc:
    """Test on people that the network never saw."""
    return froc([truth_of(one) for one in cases], [detections_of(network, one) for one in cases])


def choose_threshold(network: UNet, cases: Sequence[NodulePhantom]) -> float:
    """Return the lowest score that lets at most a quarter of a false alarm a case through."""
    alarms: list[float] = []
    for one in cases:
        truth = truth_of(one)
        for found in detections_of(network, one):
            distances = [
                float(np.linalg.norm(np.subtract(found.at_mm, target.at_mm)))
                - max(target.radius_mm, 5)
                for target in truth
            ]
            if all(distance > 0 for distance in distances):
                alarms.append(found.score)
    allowed = len(cases) // 4
    ranked = sorted(alarms, reverse=True)
    lowest = ranked[allowed] + 0.01 if allowed < len(ranked) else 0.2
    return round(float(np.clip(lowest, 0.2, 0.9)), 2)


def write_bundle(
    folder: Path,
    state: dict[str, torch.Tensor],
    threshold: float,
    made: tuple[DetectorPlan, Froc, float],
) -> None:
    """Write weights, what they are for, and the model card."""
    plan, result, seconds = made
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "models" / "model.pt")
    metadata = _metadata(threshold, plan, result)
    (folder / "configs" / "metadata.json").write_text(
        json.dumps(metadata, indent=1) + "\n", "utf-8"
    )
    inference = json.dumps(_inference_config(), indent=1)
    (folder / "configs" / "inference.json").write_text(inference + "\n", "utf-8")
    (folder / "docs" / "model_card.md").write_text(
        _card(threshold, plan, result, seconds), encoding="utf-8"
    )


def _declared(threshold: float, result: Froc) -> dict[str, Any]:
    return {
        "task": "detect",
        "pipeline": "heatmap_detector",
        "inputs": {"modalities": ["CT"], "body_parts": ["CHEST"], "minimum_instances": 8},
        "labels": [
            {
                "name": "lung nodule",
                "code": "427359005",
                "scheme": "SCT",
                "meaning": "Solitary nodule of lung",
            }
        ],
        "metrics": {"froc_score": round(result.score, 4)},
        "config": {"threshold": threshold, "finding": "lung nodule"},
        "licence": "Apache-2.0",
        "weights": "models/model.pt",
    }


def _metadata(threshold: float, plan: DetectorPlan, result: Froc) -> dict[str, Any]:
    curve = {
        str(point): round(value, 4)
        for point, value in zip(result.points, result.sensitivities, strict=True)
    }
    return {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/"
        "0.8.1/meta_schema_20240725.json",
        "version": "0.1.0",
        "changelog": {"0.1.0": "first version"},
        "monai_version": "1.6.1",
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": {},
        "name": "lung_nodule_ct",
        "task": "Detection of lung nodules in CT",
        "description": "Heat-map detector: MONAI UNet on a slice and its two neighbours",
        "authors": "Twinsight",
        "copyright": "Weights: Apache-2.0. Trained on phantoms that the project draws",
        "data_source": "deploy/demo/labelled_nodules.py",
        "data_type": "dicom",
        "intended_use": "demonstration of detection; not for diagnosis",
        "recipe": asdict(plan.recipe),
        "twinsight": _declared(threshold, result),
        "eval_metrics": {"froc_score": round(result.score, 4), "sensitivity_at_fp": curve},
        "network_data_format": _FORMATS,
    }


def _inference_config() -> dict[str, Any]:
    return {
        "bundle_root": ".",
        "device": "cpu",
        "network_def": {
            "_target_": "UNet",
            "spatial_dims": 2,
            "in_channels": 3,
            "out_channels": 2,
            "channels": [16, 32, 48, 64],
            "strides": [2, 2, 2],
            "num_res_units": 1,
            "norm": "batch",
        },
    }


def _card(threshold: float, plan: DetectorPlan, result: Froc, seconds: float) -> str:
    rows = "\n".join(
        f"| {point:g} | {value:.3f} | {low:.3f} to {high:.3f} |"
        for point, value, low, high in zip(
            result.points, result.sensitivities, result.low, result.high, strict=True
        )
    )
    return f"""# Lung nodules in CT, version {VERSION}

Heat-map detector: a MONAI UNet looks at a slice and its two neighbours and says for each pixel
how near the middle of a nodule is, and how large it would be. Made by
`python manage.py train_detector FOLDER`.

## For what, and for what not
It shows how detection goes through this archive: points in the patient, heat map, review. It was
trained on **drawn phantoms only** and has never seen a patient. Not for diagnosis, and not a
measure of how well such a detector does on people. For clinical work install a bundle that was
trained on patients, such as MONAI's RetinaNet on LUNA16.

## Trained on
{plan.training} phantoms with none to six nodules of 4 to 18 mm radius, slices of 3 to 9 mm, some
with effusion, consolidation or emphysema; {plan.recipe.steps} steps of {plan.recipe.batch} crops,
{seconds:.0f} s with phantoms and test on {platform.machine()}. The threshold of {threshold:.2f}
was chosen on {plan.tuning} others: at most one false alarm in four cases.

## Measured
{result.cases} further phantoms with {result.targets} nodules. A detection counts where it lies
inside the nodule, or within 5 mm of its middle; 95 % intervals by a bootstrap over cases.

| false alarms a case | sensitivity | 95 % interval |
|---|---|---|
{rows}

FROC score (mean of the seven): **{result.score:.3f}**.
"""
