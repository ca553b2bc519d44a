"""What is masked of what was read: text, not contours; markers of sides stay."""

from __future__ import annotations

import numpy as np
import pytest

from archive.deid.text_reading import Word
from archive.deid.text_regions import is_marker, is_text, mask_of, text_regions


def word(text: str, score: float = 0.99, left=100, top=50, width=60, height=20) -> Word:
    return Word(text, score, left, top, width, height)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (word("DOE"), True),
        (word("DOE", 0.51), True),
        (word("4711"), True),
        (word("JANE DOE", 0.25), True),
        (word("DO", 0.25), False),
        (word("DOE JANE", 0.1), False),
        (word("味", width=21), True),
        # A skull that is read as a letter, and a caliper.
        (word("O", 0.95, left=0, top=0, width=511, height=492), False),
        (word("+"), False),
        (word("★"), False),
    ],
)
def test_is_text(found, expected):
    assert is_text(found, 512, 512) is expected


@pytest.mark.parametrize(
    ("text", "score", "expected"),
    [("R", 0.99, True), ("(L)", 0.99, True), ("lmlo", 0.95, True), ("R", 0.8, False),
     ("R DOE", 0.99, False), ("RX", 0.99, False)],
)  # fmt: skip
def test_is_marker(text, score, expected):
    assert is_marker(word(text, score)) is expected


def test_regions_have_a_margin_and_stay_inside():
    regions = text_regions([word("DOE", left=0, top=0), word("R"), word("+")], 200, 200)

    assert regions == [(0, 0, 65, 25)]
    mask = mask_of(regions, 200, 200)
    assert mask.sum() == 65 * 25
    assert np.array_equal(mask[:25, :65], np.ones((25, 65), bool))
