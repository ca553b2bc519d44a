"""UIDs that follow from what a result is, so that a repeated run names it alike."""

import hashlib
import uuid


def result_uid(*parts: str) -> str:
    """Derive a UID from texts.

    Parameters
    ----------
    parts : what identifies the object, for instance the model's digest, the input's digest and
        the object's role; order matters

    Returns
    -------
    UID under 2.25, at most 44 characters, equal for equal parts

    References
    ----------
    DICOM PS3.5 B.2
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"
