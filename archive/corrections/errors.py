"""What is wrong with a value that was given."""

from archive.errors import InvalidRequestError


class InvalidValueError(InvalidRequestError):
    """A value can't be one of its attribute; ``field`` is the attribute's keyword."""

    code = "invalid-value"

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
