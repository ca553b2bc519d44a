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
        ("20240229", "10", ("20230125", "070000")),
        ("20240229", "235960", ("20230125", "205959")),
        ("00010101", "000000", ("00010101", "000000")),
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
        ("20240229", "20230124210000"),
        ("2024", ""),
        ("202402", ""),
        ("Doe^Jane", ""),
        ("20249999101530", ""),
    ],
)
def test_datetime(value, moved):
    assert shift_datetime(value, BACK) == moved
