import pytest

from archive.dicom.moments import date_span, moment_span, time_span


def test_date_is_itself_and_the_retired_spelling_is_read() -> None:
    assert date_span("20260131") == ("20260131", "20260131")
    assert date_span("2026.01.31")[0] == "20260131"


@pytest.mark.parametrize("text", ["20260230", "2026013", "2026-01-31", "", "\uff120260131"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        date_span(text)


def test_time_spans_what_its_precision_leaves_open() -> None:
    assert time_span("10:30") == ("103000000000", "103099999999")
    assert time_span("103015.5") == ("103015500000", "103015599999")


@pytest.mark.parametrize("text", ["24", "1060", "103061", "1"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        time_span(text)


@pytest.mark.parametrize(
    ("text", "low"),
    [
        ("2026", "20260000000000000000"),
        ("20260131103000.25+0200", "20260131083000250000"),
        ("20260101003000-0100", "20260101013000000000"),
        ("20251231233000-0100", "20260101003000000000"),
    ],
)
def test_moment_is_counted_in_utc(text: str, low: str) -> None:
    assert moment_span(text)[0] == low


@pytest.mark.parametrize("text", ["20261301", "20260131 10", "202601312460", "+0100"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        moment_span(text)
