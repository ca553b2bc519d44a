"""What can go wrong with an upload, beyond the archive's own errors."""

from __future__ import annotations

from archive.errors import InvalidRequestError, StateConflictError, StorageError


class WrongOffsetError(StateConflictError):
    """The piece does not begin where the file ends here; ``received`` says where that is."""

    code = "wrong-offset"

    def __init__(self, message: str = "", *, code: str | None = None, received: int = 0) -> None:
        super().__init__(message, code=code)
        self.received = received


class FileBusyError(StateConflictError):
    """Another request writes to the same file at this moment."""

    code = "file-busy"


class NotNowError(StorageError):
    """The archive could not do its part: the upload goes on later."""

    code = "not-now"


class InvalidFieldError(InvalidRequestError):
    """A value that a person said is wrong; ``field`` names it as the API does."""

    code = "invalid-value"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class StillRefusedError(InvalidRequestError):
    """What was mended would be refused again; nothing was changed."""

    code = "still-refused"
