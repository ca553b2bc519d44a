"""The vote of those that look alike."""

import pytest

from inference.similarity.suspicions.contradictions import contradictions_of
from inference.similarity.suspicions.neighbours import Neighbour


def _near(*words, modality="CT"):
    return [Neighbour(number, None, None, 0.9, word, modality) for number, word in enumerate(words)]


def _body_part(stated, neighbours, modality="CT"):
    return contradictions_of(body_part=stated, modality=modality, neighbours=neighbours)


def test_chest_among_heads_is_contradicted():
    (found,) = _body_part("CHEST", _near(*["HEAD"] * 9, "BRAIN", "BRAIN"))

    assert (found.attribute, found.stated, found.seen) == ("BodyPartExamined", "CHEST", "HEAD")
    assert (found.votes, found.voters) == (11, 11)


def test_chest_among_chests_is_not():
    assert _body_part("CHEST", _near(*["LUNG"] * 12)) == []


def test_few_that_agree_do_not_save_it_but_many_do():
    assert _body_part("CHEST", _near(*["HEAD"] * 14, "CHEST"))
    assert not _body_part("CHEST", _near(*["HEAD"] * 11, *["CHEST"] * 4))


def test_neighbours_that_disagree_among_themselves_say_nothing():
    assert not _body_part("CHEST", _near(*["HEAD"] * 6, *["KNEE"] * 6))


@pytest.mark.parametrize("stated", ["", "WHOLEBODY", "UNKNOWN THING"])
def test_words_that_name_no_region_are_not_contradicted(stated):
    assert not _body_part(stated, _near(*["HEAD"] * 12))


def test_too_few_voters_decide_nothing():
    assert not _body_part("CHEST", _near(*["HEAD"] * 7, "", "", ""))


def test_modality_is_contradicted_too_but_two_names_for_radiographs_are_one():
    (found,) = contradictions_of(
        body_part="", modality="US", neighbours=_near(*["CHEST"] * 10, modality="DX")
    )
    same = contradictions_of(
        body_part="", modality="CR", neighbours=_near(*["CHEST"] * 10, modality="DX")
    )

    assert (found.attribute, found.stated, found.seen) == ("Modality", "US", "DX")
    assert same == []
