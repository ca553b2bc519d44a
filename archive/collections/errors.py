"""What can go wrong with a collection."""

from __future__ import annotations

from django.utils.translation import gettext

from archive.errors import InvalidRequestError


class InvalidCollectionError(InvalidRequestError):
    """A field of the request is wrong; ``field`` names it as the API does."""

    code = "invalid-collection"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class NameTakenError(InvalidCollectionError):
    """The owner has another collection of that name."""

    code = "name-taken"


def refuse_nul(text: str, field: str) -> None:
    """Refuse the one character that PostgreSQL's texts can't hold."""
    if "\0" in text:
        raise InvalidCollectionError(gettext("The text holds a NUL character."), field=field)
