"""How values read on a page."""

from datetime import date, time

import pytest
from django.utils.translation import override

from archive.portal import presentation


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Mary^Dr^MD", "Doe, Jane Mary, Dr MD"),
        ("Tanaka^Ken=田中^健=たなか^けん", "Tanaka, Ken 田中 健"),
        ("=金^敏智", "金 敏智"),
        ("JANCT000", "JANCT000"),
        ("", "No name"),
        ("^^^^", "No name"),
        ("Doe^Jane^^^^^^^", "Doe, Jane"),
        ("<script>^x", "<script>, x"),
    ],
)
def test_person_name_reads_as_people_write_it(value, written):
    assert presentation.person_name(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [("043Y", "43 y"), ("006M", "6 mo"), ("000D", "0 d"), ("12W", "12 w"), ("old", "old")],
)
def test_age_reads_as_people_write_it(value, written):
    assert presentation.age(value) == written


def test_missing_values_read_as_a_dash():
    assert presentation.short_date(None) == presentation.MISSING
    assert presentation.or_dash("") == presentation.MISSING
    assert presentation.percent(None) == presentation.MISSING
    assert presentation.clock(None) == ""
    assert presentation.or_dash(0) == 0


def test_dates_and_times_cannot_be_misread():
    assert presentation.short_date(date(2024, 2, 9)) == "2024-02-09"
    assert presentation.clock(time(7, 5, 59)) == "07:05"


def test_shouted_codes_are_calmed_and_others_left():
    assert presentation.title_case("LOWER_LEG") == "Lower leg"
    assert presentation.title_case("Thorax 5.0 B50f") == "Thorax 5.0 B50f"


def test_sex_and_modality_fall_back_to_what_was_sent():
    assert (presentation.sex("F"), presentation.sex("X")) == ("female", "X")
    assert presentation.modality_tone("dx") == "xr"
    assert presentation.modality_tone("XYZ") == "other"


def test_short_uid_keeps_the_end():
    assert presentation.short_uid("1.2.3") == "1.2.3"
    assert presentation.short_uid("1.2.840.10008.1234567890123") == "…234567890123"


def test_icon_escapes_what_it_is_given():
    assert "<script>" not in presentation.icon("<script>")
    assert "#search" in presentation.icon("search")


@pytest.mark.parametrize(
    ("filtered", "value", "english", "german"),
    [
        (presentation.title_case, "CHEST", "Chest", "Thorax"),
        (presentation.title_case, "brain", "Brain", "Gehirn"),
        (presentation.title_case, "LSPINE", "Lspine", "Lspine"),
        (presentation.door_name, "folder", "Folder", "Ordner"),
        (presentation.door_name, "dimse", "DICOM", "DICOM"),
        (presentation.door_name, "elsewhere", "elsewhere", "elsewhere"),
        (presentation.project_name, "Unassigned", "Unassigned", "Nicht zugeordnet"),
        (presentation.project_name, "Chest clinic", "Chest clinic", "Chest clinic"),
        (presentation.project_name, None, "", ""),
    ],
)
def test_terms_of_the_field_are_in_the_readers_language(filtered, value, english, german):
    assert filtered(value) == english
    with override("de"):
        assert filtered(value) == german
