"""Errors of a search as words on its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.errors import ModelUnavailableError
from inference.similarity.errors import (
    InvalidQueryError,
    NotEmbeddedError,
    UndecodableImageError,
    UnknownSpaceError,
)

if TYPE_CHECKING:
    from archive.errors import ArchiveError

EXPECTED = (InvalidQueryError, NotEmbeddedError, ModelUnavailableError)


@dataclass(frozen=True)
class Problem:
    """Why there is no answer, and whether asking again soon may help."""

    title: str
    text: str
    may_resolve: bool = False


def problem_of(error: ArchiveError) -> Problem:
    """Return the error as the page says it."""
    if isinstance(error, NotEmbeddedError):
        return Problem(
            "Not embedded yet",
            "The model has not looked at these images yet. This page asks again by itself.",
            may_resolve=error.retriable,
        )
    if isinstance(error, UnknownSpaceError):
        return Problem(
            "No embedding model yet",
            "Similar cases need an embedding model; an administrator installs it with "
            "“manage.py models install”.",
        )
    if isinstance(error, UndecodableImageError):
        return Problem("This file is no picture we can read", error.message)
    if isinstance(error, ModelUnavailableError):
        return Problem("The model is not available here", error.message)
    return Problem("This question can't be answered", error.message)
