"""Codes made of words, for concepts that no coding scheme at hand has."""

import hashlib

# Of Code Value (0008,0100), VR SH.
_LONGEST = 16
_MARK = 6


def short_code(words: str) -> str:
    """Shorten words to a code value; words that differ only past its length get codes that differ.

    Parameters
    ----------
    words : as they are to stand in the code, without spaces

    Returns
    -------
    the words where they fit into 16 signs, otherwise their beginning and a mark of all of them

    References
    ----------
    DICOM PS3.5 6.2 (SH), PS3.3 8.1
    """
    if len(words) <= _LONGEST:
        return words
    mark = hashlib.sha256(words.encode()).hexdigest()[:_MARK]
    return f"{words[: _LONGEST - _MARK - 1]}-{mark}"
