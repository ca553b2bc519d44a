"""How the registry reads on a page: intended use, checks and figures in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from archive.portal.presentation import title_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.bundles.types import ModelSummary

TONES = {"active": "chip-ok", "shadow": "chip-busy", "draft": "", "retired": ""}
STATES = {
    "active": _("Active"),
    "shadow": _("Shadow"),
    "draft": _("Draft"),
    "retired": _("Retired"),
}
_LISTS = {
    "modalities": _("Modality"),
    "body_parts": _("Body part"),
    "views": pgettext_lazy("projection", "View"),
}
_RANGES = {"spacing_mm": _("Pixel spacing"), "slice_spacing_mm": _("Slice spacing")}
# What a gate may let pass where a series doesn't state it.
_NAMES = {**_LISTS, **_RANGES, "age": _("Age"), "contrast": _("Contrast agent")}
_MOST_METRICS = 40


def input_lines(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a model may run on, as names and values."""
    lines = [
        (str(name), ", ".join(_listed(key, one) for one in inputs[key]))
        for key, name in _LISTS.items()
        if inputs.get(key)
    ]
    youngest, oldest = inputs.get("age_from"), inputs.get("age_to")
    if youngest is not None or oldest is not None:
        lines.append((gettext("Age in years"), _ages(youngest, oldest)))
    if inputs.get("contrast") is not None:
        lines.append(
            (
                gettext("Contrast agent"),
                gettext("needed") if inputs["contrast"] else gettext("none"),
            )
        )
    for key, name in _RANGES.items():
        if inputs.get(key):
            least, most = inputs[key]
            lines.append((str(name), f"{least:g}\N{EN DASH}{most:g} mm"))
    if inputs.get("dimensions"):
        lines.append((gettext("Dimensions"), str(inputs["dimensions"])))
    if inputs.get("minimum_instances"):
        lines.append(
            (gettext("Images"), gettext("at least %(n)s") % {"n": inputs["minimum_instances"]})
        )
    if inputs.get("accept_unknown"):
        lines.append(
            (
                gettext("Accepted where unstated"),
                ", ".join(_named(key) for key in inputs["accept_unknown"]),
            )
        )
    return lines


def _named(key: Any) -> str:
    return str(_NAMES.get(str(key), key))


def _listed(key: str, value: Any) -> str:
    return title_case(str(value)) if key == "body_parts" else str(value)


def _ages(youngest: int | None, oldest: int | None) -> str:
    if youngest is None:
        return gettext("to %(last)s") % {"last": oldest}
    if not oldest:
        return gettext("from %(first)s") % {"first": youngest}
    return gettext("%(first)s to %(last)s") % {"first": youngest, "last": oldest}


def check_lines(checks: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what registration measured, as names and values."""
    lines = [(gettext("Checked"), str(checks.get("checked_at", "")).replace("T", " ")[:16])]
    lines += [(gettext("Weights"), f"{checks.get('weights', '')} ({checks.get('format', '')})")]
    for key, name in (("input_shape", gettext("Phantom")), ("output_shape", gettext("Output"))):
        if checks.get(key):
            lines.append((name, " x ".join(map(str, checks[key]))))
    for key, name in (
        ("infer_seconds", gettext("Inference")),
        ("seconds", gettext("Whole process")),
    ):
        if checks.get(key) is not None:
            lines.append((name, f"{checks[key]:.1f} s"))
    if checks.get("memory_mb"):
        lines.append((gettext("Most memory"), f"{checks['memory_mb']:.0f} MiB"))
    if "is_offline" in checks:
        lines.append(
            (
                gettext("Network"),
                gettext("shut off") if checks["is_offline"] else gettext("not shut off"),
            )
        )
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
