"""The second line: words that name somebody must not stay in a text that is kept."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

FREE_TEXT_VRS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC"})
_IDENTIFIERS = ("PatientID", "AccessionNumber", "StudyID", "OtherPatientIDs")
_MIN_LETTERS, _MIN_DIGITS = 3, 5
_WORD = re.compile(r"\w+")
# What pydicom raises where a value is not what its VR says.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, IndexError)


def identifying_words(ds: Dataset) -> frozenset[str]:
    """Return the words of every person's name in a data set, and its patient's numbers.

    Parameters
    ----------
    ds
        the data set as stored; names in sequences count too

    Returns
    -------
    words of three letters and more, in lower case without accents
    """
    found: set[str] = set()
    for keyword in _IDENTIFIERS:
        found.update(words_of(ds.get(keyword)))
    for element in readable_elements(ds):
        if element.VR == "PN":
            found.update(words_of(element.value))
        elif element.VR == "SQ":
            for item in element.value or []:
                found.update(identifying_words(item))
    return frozenset(found)


def readable_elements(ds: Dataset) -> Iterator[DataElement]:
    """Give the elements that can be decoded: what nobody can read, nobody can vouch for.

    Parameters
    ----------
    ds
        the data set as stored

    Yields
    ------
    by tag
    """
    for tag in sorted(ds.keys()):
        try:
            element = ds[tag]
            element.value  # noqa: B018 decoded here, where it may fail
        except UNREADABLE:
            continue
        yield element


def holds_word(value: Any, words: frozenset[str]) -> bool:
    """Whether a text holds one of the words.

    Parameters
    ----------
    value
        as pydicom decodes it
    words
        as `identifying_words` gives them
    """
    return not words.isdisjoint(words_of(value))


def holds_number(value: Any, words: frozenset[str]) -> bool:
    """Whether a number is one of the words: scanners write patients' numbers into series' ones.

    Parameters
    ----------
    value
        as pydicom decodes it
    words
        as `identifying_words` gives them; short ones may be any number
    """
    return any(len(word) >= _MIN_DIGITS and word in words for word in words_of(value))


def words_of(value: Any) -> set[str]:
    """Return the words of a text, of three letters and more.

    Parameters
    ----------
    value
        a text, a name, or several

    Returns
    -------
    in lower case without accents
    """
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    text = " ".join(str(one) for one in values if one)
    split = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in split if not unicodedata.combining(letter))
    return {word for word in _WORD.findall(plain) if len(word) >= _MIN_LETTERS}
