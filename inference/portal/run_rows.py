"""Runs as rows of their page and as one of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from inference.portal.run_states import STATES, URGENCIES

if TYPE_CHECKING:
    from inference.runs.overview import RunLine

# Keys of outputs as people say them; the values are SOP Instance UIDs.
OUTPUTS = {
    "seg": _("Segmentation"),
    "sr": _("Report"),
    "sr3d": _("Report of places"),
    "heatmap": _("Heat map"),
}
_STEPS = {
    "read": _("Read the images"),
    "infer": _("Run the model"),
    "encode": _("Write the results"),
    "store": _("Store them"),
    "total": _("Together"),
}


@dataclass(frozen=True)
class RunRow:
    """A run in words."""

    line: RunLine
    state: str
    tone: str
    urgency: str

    @property
    def run(self) -> Any:
        """Return the run's row."""
        return self.line.run

    @property
    def is_busy(self) -> bool:
        """Whether it waits or runs."""
        return self.run.state in {"queued", "running"}

    @property
    def is_stopping(self) -> bool:
        """Whether its worker was asked to break it off."""
        return self.run.state == "running" and self.run.cancel_requested_at is not None


def row_of(line: RunLine) -> RunRow:
    """Return a run in words."""
    state, tone = STATES.get(line.run.state, (line.run.state, ""))
    urgency = URGENCIES.get(line.run.priority, "")
    words = str(urgency) if line.run.priority else ""
    return RunRow(line=line, state=str(state), tone=tone, urgency=words)


def steps_of(run: Any) -> list[tuple[str, float]]:
    """Return the seconds of each step, in the order of the work."""
    known = [(str(words), run.timings[key]) for key, words in _STEPS.items() if key in run.timings]
    others = [(key, value) for key, value in run.timings.items() if key not in _STEPS]
    return [*known[:-1], *others, *known[-1:]] if "total" in run.timings else [*known, *others]


def outputs_of(run: Any) -> list[tuple[str, str]]:
    """Return what the run stored, as words and UID."""
    return [(str(OUTPUTS[key]), uid) for key, uid in run.outputs.items() if key in OUTPUTS and uid]
