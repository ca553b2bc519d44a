"""What pages and the API say of models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True)
class ModelSummary:
    """One version of a model.

    Attributes
    ----------
    notice : what its results must say; empty where the registry allows more
    rules : where it runs by itself, one sentence each
    trust_needed : why it may not run until an admin trusts it
    checks : what its registration measured
    source, digest : empty for those who don't administer models
    """

    name: str
    version: str
    task: str
    task_label: str
    state: str
    state_label: str
    pipeline: str
    description: str
    intended_use: str
    licence: str
    notice: str
    is_trusted: bool
    is_space: bool
    created_at: datetime
    registered_by: str = ""
    source: str = ""
    digest: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[Mapping[str, Any], ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Any] = field(default_factory=dict)
    trust_needed: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    card: str = ""

    @property
    def is_blocked(self) -> bool:
        """Whether it holds code that nobody trusted."""
        return bool(self.trust_needed) and not self.is_trusted

    @property
    def may_run(self) -> bool:
        """Whether it may become active: nothing blocks it, and its check, if any, was passed."""
        return not self.is_blocked and (not self.checks or bool(self.checks.get("passed")))
