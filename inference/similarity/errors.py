"""What can go wrong in a search for similar cases."""

from __future__ import annotations

from archive.errors import InvalidRequestError
from inference.errors import UnsupportedInputError


class InvalidQueryError(InvalidRequestError):
    """A field of the query is wrong; ``field`` names it as the API does."""

    code = "invalid-query"

    def __init__(self, message: str, *, field: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class UnknownSpaceError(InvalidQueryError):
    """There is no embedding space of that name, or no default one yet."""

    code = "unknown-space"


class SpaceNotReadyError(InvalidQueryError):
    """The space has not enough vectors to answer yet, or none any more."""

    code = "space-not-ready"
    retriable = True


class SpaceConflictError(InvalidRequestError):
    """The space is another one, or in another state, than the act needs."""

    code = "space-conflict"


class NoPatchesError(InvalidQueryError):
    """The space's vectors are made of whole pictures: it knows no places in them."""

    code = "no-patches"


class UndecodableImageError(InvalidQueryError):
    """The bytes of the query image are no picture that can be read within limits."""

    code = "image-undecodable"


class NotEmbeddedError(UnsupportedInputError):
    """The query object has no vector in the space, now or ever."""

    code = "not-embedded"
    retriable = True


class InvalidVectorError(UnsupportedInputError):
    """A vector has another length than its space, or is zero or not finite."""

    code = "invalid-vector"


class NotEnoughLabelsError(UnsupportedInputError):
    """Too little is labelled, or labelled too alike, to measure retrieval by it."""

    code = "not-enough-labels"
