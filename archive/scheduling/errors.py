"""What can go wrong with the schedule."""

from __future__ import annotations

from archive.errors import ArchiveError, InvalidRequestError


class InvalidStepError(InvalidRequestError):
    """A field of the request is wrong; ``field`` names it as the API does."""

    code = "invalid-step"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class StepConflictError(ArchiveError):
    """The step's state, or another step, does not allow what was asked for."""

    code = "step-conflict"
