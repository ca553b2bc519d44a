"""A wrong field is named before anything is read for it."""

from __future__ import annotations

from datetime import date

import pytest

from inference.similarity.errors import InvalidQueryError
from inference.similarity.types import Filters, PatientScope, Region, SimilarQuery
from inference.similarity.validation import check_query


@pytest.mark.parametrize(
    "query",
    [
        SimilarQuery(text="nodule"),
        SimilarQuery(series="1.2", image=b"x"),
        SimilarQuery(instance="1.2", text="nodule", patient=PatientScope.ONLY),
        SimilarQuery(text="nodule", negative=("1.2",)),
    ],
)
def test_check_query_takes_any_mix(query):
    check_query(query)


def test_check_query_takes_a_sound_query():
    check_query(SimilarQuery(series="1.2", k=1000, filters=Filters(age_from=3, age_to=3)))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (SimilarQuery(), "query"),
        (SimilarQuery(negative=("1.2",)), "query"),
        (SimilarQuery(series="1.2", k=0), "k"),
        (SimilarQuery(series="1.2", k=-1), "k"),
        (SimilarQuery(series="1.2", k=100_000), "k"),
        (SimilarQuery(text="  "), "query"),
        (SimilarQuery(text="x" * 1001), "text"),
        (SimilarQuery(text="left\x00lung"), "text"),
        (SimilarQuery(text="nodule", frame=1), "frame"),
        (SimilarQuery(text="nodule", patient=PatientScope.ONLY), "patient"),
        (SimilarQuery(series="1.2", frame=1), "frame"),
        (SimilarQuery(instance="1.2", frame=0), "frame"),
        (SimilarQuery(study="1.2", region=Region(0, 0, 1, 1)), "region"),
        (SimilarQuery(image=b"x", patient=PatientScope.ONLY), "patient"),
        (SimilarQuery(positive=tuple(str(n) for n in range(51))), "positive"),
        (SimilarQuery(positive=("1.2",), negative=("1.2",)), "negative"),
        (SimilarQuery(series="1.2\x00"), "series"),
        (SimilarQuery(series="1.2", filters=Filters(label=("\x00",))), "filters"),
        (SimilarQuery(series="1.2", filters=Filters(age_from=2, age_to=1)), "age_to"),
        (
            SimilarQuery(
                series="1.2", filters=Filters(date_from=date(2020, 2, 1), date_to=date(2020, 1, 1))
            ),
            "date_to",
        ),
    ],
)
def test_check_query_names_the_wrong_field(query, field):
    with pytest.raises(InvalidQueryError) as caught:
        check_query(query)

    assert caught.value.field == field
