"""How the registry reads on a page: intended use, checks and figures in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.bundles.types import ModelSummary

TONES = {"active": "chip-ok", "shadow": "chip-busy", "draft": "", "retired": ""}
STATES = {"active": "Active", "shadow": "Shadow", "draft": "Draft", "retired": "Retired"}
_LISTS = {"modalities": "Modality", "body_parts": "Body part", "views": "View"}
_RANGES = {"spacing_mm": "Pixel spacing", "slice_spacing_mm": "Slice spacing"}
_MOST_METRICS = 40


def input_lines(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a model may run on, as names and values."""
    lines = [
        (name, " or ".join(map(str, inputs[key])))
        for key, name in _LISTS.items()
        if inputs.get(key)
    ]
    youngest, oldest = inputs.get("age_from"), inputs.get("age_to")
    if youngest is not None or oldest is not None:
        ends = (
            f"from {youngest}" if youngest is not None else "",
            f"to {oldest}" if oldest else "",
        )
        lines.append(("Age in years", " ".join(end for end in ends if end)))
    if inputs.get("contrast") is not None:
        lines.append(("Contrast agent", "needed" if inputs["contrast"] else "none"))
    for key, name in _RANGES.items():
        if inputs.get(key):
            least, most = inputs[key]
            lines.append((name, f"{least:g} to {most:g} mm"))
    if inputs.get("dimensions"):
        lines.append(("Dimensions", str(inputs["dimensions"])))
    if inputs.get("minimum_instances"):
        lines.append(("Images", f"at least {inputs['minimum_instances']}"))
    if inputs.get("accept_unknown"):
        lines.append(("Accepted where unstated", ", ".join(map(str, inputs["accept_unknown"]))))
    return lines


def check_lines(checks: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what registration measured, as names and values."""
    lines = [("Checked", str(checks.get("checked_at", "")).replace("T", " ")[:16])]
    lines += [("Weights", f"{checks.get('weights', '')} ({checks.get('format', '')})")]
    for key, name in (("input_shape", "Phantom"), ("output_shape", "Output")):
        if checks.get(key):
            lines.append((name, " x ".join(map(str, checks[key]))))
    for key, name in (("infer_seconds", "Inference"), ("seconds", "Whole process")):
        if checks.get(key) is not None:
            lines.append((name, f"{checks[key]:.1f} s"))
    if checks.get("memory_mb"):
        lines.append(("Most memory", f"{checks['memory_mb']:.0f} MiB"))
    if "is_offline" in checks:
        lines.append(("Network", "shut off" if checks["is_offline"] else "not shut off"))
    return [(name, value) for name, value in lines if value.strip(" ()")]


def metric_lines(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return figures as names and values, nested ones by their path."""
    return list(_metrics(metrics, prefix))[:_MOST_METRICS]


def _metrics(metrics: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in metrics.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _metrics(value, f"{name}: ")
        elif isinstance(value, float):
            yield name, f"{value:.3f}"
        elif isinstance(value, (str, int)):
            yield name, str(value)


def possible_acts(model: ModelSummary) -> list[str]:
    """Return what an admin may do with a version now."""
    if model.is_space:
        return []  # on the page of spaces
    acts = []
    if model.may_run:
        acts += [
            act
            for act, state in (("promote", "active"), ("shadow", "shadow"))
            if (model.state != state)
        ]
    if model.is_blocked and not model.checks.get("is_running"):
        acts.append("trust")
    if model.state != "retired":
        acts.append("retire")
    return acts
