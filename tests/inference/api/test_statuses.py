import pytest

from archive.api.statuses import http_status
from archive.errors import ArchiveError
from inference.api.statuses import register_statuses
from inference.errors import InferenceError, UnsupportedInputError
from inference.similarity.errors import NotEmbeddedError


def _descendants(kind: type[ArchiveError]) -> list[type[ArchiveError]]:
    return [kind, *(deep for child in kind.__subclasses__() for deep in _descendants(child))]


@pytest.mark.parametrize("kind", _descendants(InferenceError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_ai_has_a_status(kind):
    register_statuses()

    assert 400 <= http_status(kind.__new__(kind)) < 600


def test_nearest_ancestor_decides():
    register_statuses()

    assert http_status(UnsupportedInputError()) == 422
    assert http_status(NotEmbeddedError()) == 409
