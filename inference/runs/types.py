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


@dataclass(frozen=True)
class RunOutcome:
    """What a run brought: the device it ran on, its statements, the objects it stored."""

    device: str
    message: str = ""
    findings: tuple[FindingValue, ...] = ()
    outputs: dict[str, Any] = field(default_factory=dict)
