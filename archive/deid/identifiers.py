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
# Whole values of these stay nowhere, though their words may: a maker may be the institution.
_PLACES = ("InstitutionName", "InstitutionalDepartmentName", "StationName")
_SHORTEST_PLACE = 4
_MIN_LETTERS, _MIN_DIGITS = 3, 5
_WORD = re.compile(r"\w+")
# Scripts that put no space between words, and names of two signs: Hangul (taken apart), kana, Han.
_UNSPACED = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")
_MIN_SIGNS = 2
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
    words as of `words_of`
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


def identifying_values(ds: Dataset) -> frozenset[str]:
    """Return what a data set calls its institution, department and station, nested ones too.

    Parameters
    ----------
    ds
        the data set as stored

    Returns
    -------
    whole values of four letters and more, in lower case
    """
    found = {_whole(ds.get(keyword)) for keyword in _PLACES}
    for element in readable_elements(ds):
        if element.VR == "SQ":
            for item in element.value or []:
                found.update(identifying_values(item))
    return frozenset(one for one in found if len(one) >= _SHORTEST_PLACE)


def holds_value(value: Any, values: frozenset[str]) -> bool:
    """Whether a text holds one of the values as a whole.

    Parameters
    ----------
    value
        as pydicom decodes it
    values
        as `identifying_values` gives them
    """
    text = _whole(value)
    return any(one in text for one in values)


def _whole(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


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
    """Whether a text holds one of the words; of scripts without spaces, anywhere in it.

    Parameters
    ----------
    value
        as pydicom decodes it
    words
        as `identifying_words` gives them
    """
    if not words.isdisjoint(words_of(value)):
        return True
    plain = "".join(_WORD.findall(_plain(value)))
    return _UNSPACED.search(plain) is not None and any(
        word in plain for word in words if _UNSPACED.search(word)
    )


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

    Where a script puts no space between words, two signs are enough, and all of a name is a word,
    too: who writes it leaves out what DICOM puts between its parts.

    Parameters
    ----------
    value
        a text, a name, or several

    Returns
    -------
    in lower case without accents
    """
    found = set()
    for group in _plain(value).split("="):
        words = _WORD.findall(group)
        found |= {word for word in [*words, "".join(words)] if _is_word(word)}
        found |= {word for word in words if len(word) >= _MIN_LETTERS}
    return found


def _is_word(word: str) -> bool:
    return len(word) >= _MIN_SIGNS and _UNSPACED.search(word) is not None


def _plain(value: Any) -> str:
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    text = "=".join(str(one) for one in values if one)
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))
