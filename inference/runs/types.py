from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FindingValue:
    """One statement to be kept as a row: a class with its probability, or a measurement."""

    kind: str
    name: str
    label: str = ""
    value: float | None = None
    unit: str = ""
    probability: float | None = None
    # A detection: {"kind": "point"|"box", "mm": patient coordinates (LPS), "image": UID, "frame"}.
    location: dict[str, Any] = field(default_factory=dict)
    # The same as in the stored SR and SEG.
    tracking_uid: str = ""
    is_critical: bool = False


@dataclass(frozen=True)
class RunOutcome:
    """What a run brought: the device it ran on, its statements, the objects it stored."""

    device: str
    message: str = ""
    findings: tuple[FindingValue, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)
    # Seconds by step: read, infer, encode, store.
    timings: dict[str, float] = field(default_factory=dict)
