from __future__ import annotations

import datetime

import pytest

from archive.errors import InvalidRequestError
from archive.query.values import parse_date, parse_time_span


@pytest.mark.parametrize("text", ["20240229", "2024.02.29"])
def test_parse_date_takes_both_spellings(text):
    assert parse_date(text) == datetime.date(2024, 2, 29)


@pytest.mark.parametrize(
    "text", ["20240230", "2024", "today", "", "2024022", "٢٠٢٤٠٢٢٩", "00000101"]
)
def test_parse_date_refuses_what_is_no_date(text):
    with pytest.raises(InvalidRequestError):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("10", "10:00:00", "10:59:59.999999"),
        ("1030", "10:30:00", "10:30:59.999999"),
        ("103015", "10:30:15", "10:30:15.999999"),
        ("103015.25", "10:30:15.250000", "10:30:15.259999"),
        ("10:30:15", "10:30:15", "10:30:15.999999"),
        ("235960", "23:59:59", "23:59:59.999999"),
    ],
)
def test_parse_time_span_covers_the_precision(text, low, high):
    span = parse_time_span(text)

    assert span == (datetime.time.fromisoformat(low), datetime.time.fromisoformat(high))


@pytest.mark.parametrize("text", ["24", "1", "1061", "noon", "", "10301"])
def test_parse_time_span_refuses_what_is_no_time(text):
    with pytest.raises(InvalidRequestError):
        parse_time_span(text)
