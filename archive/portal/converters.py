"""UIDs in paths."""


class UidConverter:
    """A DICOM UID: digits and dots, at most 64 (PS3.5 9.1)."""

    regex = r"[0-9.]{1,64}"

    def to_python(self, value: str) -> str:
        """Return the UID as it came."""
        return value

    def to_url(self, value: str) -> str:
        """Return the UID as it is."""
        return value
