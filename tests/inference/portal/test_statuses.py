"""Errors of a search as words on its page."""

import pytest

from archive.errors import StorageError
from inference.errors import ModelUnavailableError, UnsupportedInputError
from inference.portal.statuses import problem_of
from inference.similarity.errors import (
    InvalidQueryError,
    NotEmbeddedError,
    SpaceNotReadyError,
    UndecodableImageError,
    UnknownSpaceError,
)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (NotEmbeddedError("x"), "Not embedded yet"),
        (UnknownSpaceError("x", field="space"), "No embedding model yet"),
        (UndecodableImageError("x", field="image"), "This file is no picture we can read"),
        (ModelUnavailableError("x"), "The model is not available here"),
        (UnsupportedInputError("x"), "This image can't be searched by"),
        (StorageError("x"), "The image can't be read at the moment"),
        (InvalidQueryError("x", field="k"), "This question can't be answered"),
        (InvalidQueryError("x", field="region"), "This region can't be searched by"),
        (SpaceNotReadyError("x", field="space"), "This space is not ready"),
    ],
)
def test_each_expected_error_has_words(error, title):
    problem = problem_of(error)

    assert problem.title == title
    assert problem.text


def test_only_what_time_resolves_is_asked_again():
    assert problem_of(NotEmbeddedError("x")).may_resolve
    assert not problem_of(ModelUnavailableError("x")).may_resolve


def test_a_wrong_name_of_a_space_is_not_a_missing_model():
    error = UnknownSpaceError("There is none of this name.", field="space")

    assert problem_of(error, is_space_named=True).title == "There is no such space"
