"""Which words name which part of the body."""

import pytest

from inference.similarity.suspicions.body_regions import regions_of


@pytest.mark.parametrize(
    ("one", "other"),
    [("BRAIN", "HEAD"), ("LUNG", "CHEST"), ("CHESTABDPELVIS", "LIVER"), ("HEADNECK", "CSPINE")],
)
def test_words_for_one_region_overlap(one, other):
    assert regions_of(one) & regions_of(other)


@pytest.mark.parametrize(
    ("one", "other"), [("CHEST", "HEAD"), ("HAND", "FOOT"), ("BREAST", "KNEE")]
)
def test_words_for_other_regions_do_not(one, other):
    assert not regions_of(one) & regions_of(other)


@pytest.mark.parametrize("word", ["", "WHOLEBODY", "WHOLE BODY", "PHANTOM", "hällo"])
def test_words_that_name_nothing_have_no_region(word):
    assert regions_of(word) == frozenset()


def test_case_does_not_matter():
    assert regions_of("Chest") == regions_of("CHEST") != frozenset()
