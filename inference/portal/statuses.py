"""Errors of a search as words on its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.errors import StorageError
from inference.errors import ModelUnavailableError, UnsupportedInputError
from inference.similarity.errors import (
    InvalidQueryError,
    NotEmbeddedError,
    SpaceNotReadyError,
    UndecodableImageError,
    UnknownSpaceError,
)

if TYPE_CHECKING:
    from archive.errors import ArchiveError

EXPECTED = (InvalidQueryError, UnsupportedInputError, ModelUnavailableError, StorageError)


@dataclass(frozen=True)
class Problem:
    """Why there is no answer, and whether asking again soon may help."""

    title: str
    text: str
    may_resolve: bool = False


# The more special class first; without a text the error's own words are shown.
_WORDS: tuple[tuple[type[ArchiveError], str, str], ...] = (
    (
        NotEmbeddedError,
        "Not embedded yet",
        "The model has not looked at these images yet. This page asks again by itself.",
    ),
    (SpaceNotReadyError, "This space is not ready", ""),
    (
        UnknownSpaceError,
        "No embedding model yet",
        (
            "Similar cases need an embedding model; an administrator installs it with "
            "“manage.py models install”."
        ),
    ),
    (UndecodableImageError, "This file is no picture we can read", ""),
    (UnsupportedInputError, "This image can't be searched by", ""),
    (ModelUnavailableError, "The model is not available here", ""),
    (StorageError, "The image can't be read at the moment", ""),
)
_TITLES = {
    "region": "This region can't be searched by",
    "frame": "There is no such frame",
    "text": "These words can't be searched by",
    "patient": "Nobody to look among",
}
_OTHER_TITLE = "This question can't be answered"


def problem_of(error: ArchiveError, *, is_space_named: bool = False) -> Problem:
    """Return the error as the page says it; without a named space, none has been made yet."""
    if isinstance(error, UnknownSpaceError) and is_space_named:
        return Problem("There is no such space", error.message)
    for kind, title, text in _WORDS:
        if isinstance(error, kind):
            may_resolve = kind is NotEmbeddedError and error.retriable
            return Problem(title, text or error.message, may_resolve=may_resolve)
    title = _TITLES.get(getattr(error, "field", ""), _OTHER_TITLE)
    return Problem(title, error.message)
