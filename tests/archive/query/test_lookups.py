from __future__ import annotations

import pytest

from archive.models import Series, Study
from archive.query.lookups import (
    ArrayItemLike,
    Like,
    RequestedProcedureLike,
    ScheduledStepLike,
    has_wildcard,
    like_pattern,
)
from tests.factories.archive import SeriesFactory, StudyFactory


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("DOE*", "DOE%"),
        ("D?E", "D_E"),
        ("***A***", "%A%"),
        ("100%*", r"100\%%"),
        ("a_b", r"a\_b"),
        ("a\\b", r"a\\b"),
        ("*", "%"),
    ],
)
def test_like_pattern_translates_wildcards_and_escapes_sqls_own(text, pattern):
    assert like_pattern(text) == pattern


def test_has_wildcard_sees_both():
    assert has_wildcard("a*")
    assert has_wildcard("a?")
    assert not has_wildcard("a%_")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("description", "wanted", "is_found"),
    [
        ("50% off", "50%*", True),
        ("500 off", "50%*", False),
        ("a_b", "a_?", True),
        ("axb", "a_?", False),
        ("C:\\x", "C:\\?", True),
    ],
)
def test_like_takes_sqls_wildcards_literally(description, wanted, is_found):
    StudyFactory(study_description=description)

    rows = Study.objects.filter(Like("study_description", like_pattern(wanted)))

    assert rows.exists() is is_found


@pytest.mark.django_db
def test_items_of_arrays_and_json_lists_are_compared_one_by_one():
    study = StudyFactory(modalities_in_study=["CT", "SEG"])
    SeriesFactory(
        study=study,
        request_attributes=[
            {"RequestedProcedureID": "RP1", "ScheduledProcedureStepID": "SPS1"},
            {"RequestedProcedureID": "RP2"},
        ],
    )

    assert Study.objects.filter(ArrayItemLike("modalities_in_study", "S%")).exists()
    assert not Study.objects.filter(ArrayItemLike("modalities_in_study", "%,%")).exists()
    assert Series.objects.filter(RequestedProcedureLike("request_attributes", "%2")).exists()
    assert not Series.objects.filter(ScheduledStepLike("request_attributes", "%2")).exists()
    assert Series.objects.filter(ScheduledStepLike("request_attributes", "SPS_")).exists()
