"""Reciprocal ranks, summed."""

from __future__ import annotations

import pytest

from inference.similarity.fusion import fold_by_patient, fuse, unit_of
from inference.similarity.ranking import RankedRow
from inference.similarity.types import Level


def row(key: int, *, study: int | None = None, patient: int | None = None) -> RankedRow:
    owner = patient if patient is not None else key
    return RankedRow(key, study if study is not None else key, key, None, None, owner, 0.5)


def keys(fused) -> list[int]:
    return [one.row.series_id for one in fused]


def test_what_stands_high_in_both_stands_highest():
    looks = [row(1), row(2), row(3)]
    words = [row(3), row(2), row(9)]

    fused = fuse([("instance", looks), ("text", words)], Level.SERIES)

    assert keys(fused) == [3, 2, 1, 9]
    assert fused[0].row.score == pytest.approx(1 / 63 + 1 / 61)
    assert [one.matched_by for one in fused] == [
        ("instance", "text"),
        ("instance", "text"),
        ("instance",),
        ("text",),
    ]


def test_a_ranking_alone_keeps_its_order():
    rows = [row(5), row(1), row(3)]

    assert keys(fuse([("image", rows), ("text", [])], Level.SERIES)) == [5, 1, 3]


def test_equal_sums_go_by_the_first_ranking():
    assert keys(fuse([("a", [row(1), row(2)]), ("b", [row(2), row(1)])], Level.SERIES)) == [1, 2]
    assert keys(fuse([("a", [row(7)]), ("b", [row(4)])], Level.SERIES)) == [7, 4]


def test_parts_of_one_name_are_named_once():
    (fused,) = fuse([("text", [row(1)]), ("text", [row(1)])], Level.SERIES)

    assert fused.matched_by == ("text",)
    assert fused.row.score == pytest.approx(2 / 61)


def test_units_are_those_of_the_level():
    first, second = row(1, study=10), row(2, study=10)

    assert len(fuse([("a", [first]), ("b", [second])], Level.STUDY)) == 1
    assert len(fuse([("a", [first]), ("b", [second])], Level.SERIES)) == 2
    assert unit_of(first, Level.FRAME) == first.embedding_id


def test_folding_keeps_the_best_of_a_patient():
    rows = [row(1, patient=7), row(2, patient=8), row(3, patient=7)]

    assert keys(fold_by_patient(fuse([("a", rows)], Level.SERIES))) == [1, 2]
