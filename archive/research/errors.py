"""What can go wrong with pseudonyms."""

from archive.errors import StateConflictError


class SealError(StateConflictError):
    """A sealed value can't be opened, or there is no key to seal with."""

    code = "pseudonym-key"
