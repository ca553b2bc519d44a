"""Dates and times moved together."""

from __future__ import annotations

from datetime import timedelta

import pytest

from archive.deid.moments import shift_date, shift_datetime, shift_time

BACK = -timedelta(days=400, hours=3)


@pytest.mark.parametrize(
    ("date", "time", "moved"),
    [
        ("20240229", "", ("20230124", "")),
        ("20240229", "101530", ("20230125", "071530")),
        ("20240229", "020000", ("20230124", "230000")),
        ("2024.02.29", "10:15:30", ("20230125", "071530")),
        ("20240229", "101530.25", ("20230125", "071530.250000")),
        ("20240229", "10", ("20230125", "07")),
        ("20240229", "1015", ("20230125", "0715")),
        ("20240229", "000000", ("20230124", "000000")),
        ("20240229", "000000.000", ("20230124", "000000.000000")),
        ("", "000000", ("", "000000")),
        ("", "101530", ("", "071530")),
        ("20240229", "235960", ("20230125", "205959")),
        ("00010101", "000000", ("19000101", "000000")),
        ("20240230", "101530", ("", "071530")),
        ("Doe", "Jane", ("", "")),
        ("", "", ("", "")),
        ("20240229-20240301", "1015-1030", ("", "")),
    ],
)
def test_date_and_time(date, time, moved):
    assert (shift_date(date, time, BACK), shift_time(time, date, BACK)) == moved


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20240229101530", "20230125071530"),
        ("20240229101530.5+0100", "20230125071530.500000+0100"),
        ("20240229", "20230124"),
        ("20240229+0100", "20230124+0100"),
        ("2024022910", "2023012507"),
        ("202402291015", "202301250715"),
        ("20240229000000", "20230124000000"),
        ("19700101003412", "19000101000000"),
        ("2024", ""),
        ("202402", ""),
        ("Doe^Jane", ""),
        ("20249999101530", ""),
    ],
)
def test_datetime(value, moved):
    assert shift_datetime(value, BACK) == moved


@pytest.mark.parametrize(
    "placeholder", ["00010101", "18581117", "19000101", "19700101", "20000101", "20991231"]
)
def test_a_placeholder_is_the_same_for_everybody(placeholder):
    for offset in (BACK, 2 * BACK):
        assert shift_date(placeholder, "003412", offset) == "19000101"
        assert shift_time("003412", placeholder, offset) == "000000"
        assert shift_datetime(f"{placeholder}003412", offset) == "19000101000000"


@pytest.mark.parametrize("value", ["20240229", "20240229000000", "20240229000000.0"])
def test_a_date_without_a_time_does_not_tell_the_time_of_the_offset(value):
    other = BACK - timedelta(minutes=17, seconds=5)

    assert shift_datetime(value, BACK) == shift_datetime(value, other)
    assert shift_time(value[8:], value[:8], BACK) == shift_time(value[8:], value[:8], other)
