"""Which of the words that were read are masked, which are markers of sides, which are no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from archive.deid.text_reading import Word

Region = tuple[int, int, int, int]

# Sides, views and positions: without them a radiograph is read wrongly, and they name nobody.
_MARKER_WORDS = """
    A AP CC CRANIAL CAUDAL D DX ERECT F H L LAT LCC LEFT LL LM LMLO LT ML MLO O P PA PRONE R RCC
    RIGHT RL RM RMLO RT SIN SUPINE UPRIGHT
"""
_MARKERS = frozenset(_MARKER_WORDS.split())
_SURE, _PERHAPS = 0.5, 0.2
# A contour may be read as one large letter; a word that is shown is long, or small.
_FEW, _MANY = 1, 4
_LARGEST_GLYPH = 0.1
# Share of the text's height that is masked around it: letters stick out of their boxes.
_MARGIN = 0.25


def is_marker(word: Word) -> bool:
    """Whether a word is a marker of a side or a view, surely read.

    Parameters
    ----------
    word
        as it was read
    """
    return word.score >= 0.9 and word.text.strip(" .()[]").upper() in _MARKERS


def is_text(word: Word, rows: int, columns: int) -> bool:
    """Whether somebody could read what was found here.

    Parameters
    ----------
    word
        as it was read
    rows, columns
        of the picture
    """
    letters = sum(letter.isalnum() for letter in word.text)
    if word.score < _SURE:
        return word.score >= _PERHAPS and letters >= _MANY
    if letters > _FEW:
        return True
    limit = max(_LARGEST_GLYPH * max(rows, columns), 24)
    return letters == _FEW and max(word.width, word.height) <= limit


def text_regions(words: Iterable[Word], rows: int, columns: int) -> list[Region]:
    """Return the rectangles that hold text, with a margin.

    Parameters
    ----------
    words
        as they were read
    rows, columns
        of the picture

    Returns
    -------
    (left, top, width, height), inside the picture; markers and what is no text left out
    """
    regions = []
    for word in words:
        if is_marker(word) or not is_text(word, rows, columns):
            continue
        margin = max(2, round(_MARGIN * min(word.width, word.height)))
        left, top = max(word.left - margin, 0), max(word.top - margin, 0)
        right = min(word.left + word.width + margin, columns)
        bottom = min(word.top + word.height + margin, rows)
        if right > left and bottom > top:
            regions.append((left, top, right - left, bottom - top))
    return regions


def mask_of(regions: Iterable[Region], rows: int, columns: int) -> npt.NDArray[np.bool_]:
    """Draw rectangles as a mask.

    Parameters
    ----------
    regions
        (left, top, width, height)
    rows, columns
        of the picture

    Returns
    -------
    (rows, columns), true inside
    """
    mask = np.zeros((rows, columns), np.bool_)
    for left, top, width, height in regions:
        mask[top : top + height, left : left + width] = True
    return mask
