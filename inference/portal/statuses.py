"""Errors of a search as words on its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

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
    from django.utils.functional import _StrPromise

    from archive.errors import ArchiveError

EXPECTED = (InvalidQueryError, UnsupportedInputError, ModelUnavailableError, StorageError)


@dataclass(frozen=True)
class Problem:
    """Why there is no answer, and whether asking again soon may help."""

    title: str
    text: str
    may_resolve: bool = False


# The more special class first; without a text the error's own words are shown.
_WORDS: tuple[tuple[type[ArchiveError], str | _StrPromise, str | _StrPromise], ...] = (
    (
        NotEmbeddedError,
        _("Not embedded yet"),
        _("The model has not looked at these images yet. This page asks again by itself."),
    ),
    (SpaceNotReadyError, _("This space is not ready"), ""),
    (
        UnknownSpaceError,
        _("No embedding model yet"),
        _(
            "Similar cases need an embedding model; an administrator installs it with "
            "“manage.py models install”."
        ),
    ),
    (UndecodableImageError, _("This file is no picture we can read"), ""),
    (UnsupportedInputError, _("This image can't be searched by"), ""),
    (ModelUnavailableError, _("The model is not available here"), ""),
    (StorageError, _("The image can't be read at the moment"), ""),
)
_TITLES = {
    "region": _("This region can't be searched by"),
    "frame": _("There is no such frame"),
    "text": _("These words can't be searched by"),
    "patient": _("Nobody to look among"),
}
_OTHER_TITLE = _("This question can't be answered")


def problem_of(error: ArchiveError, *, is_space_named: bool = False) -> Problem:
    """Return the error as the page says it; without a named space, none has been made yet."""
    if isinstance(error, UnknownSpaceError) and is_space_named:
        return Problem(gettext("There is no such space"), error.message)
    for kind, title, text in _WORDS:
        if isinstance(error, kind):
            may_resolve = kind is NotEmbeddedError and error.retriable
            return Problem(str(title), str(text or error.message), may_resolve=may_resolve)
    named = _TITLES.get(getattr(error, "field", ""), _OTHER_TITLE)
    return Problem(str(named), error.message)
