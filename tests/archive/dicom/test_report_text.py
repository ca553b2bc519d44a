from __future__ import annotations

import pytest
from pydicom import Dataset

from archive.dicom import report_text
from archive.dicom.report_text import report_as_html, report_as_text, report_lines
from tests.builders.reports import code, content_item, make_report


def measured(value, unit):
    item = Dataset()
    item.ValueType = "NUM"
    item.ConceptNameCodeSequence = [code("G-D7FE", "SRT", "Length")]
    number = Dataset()
    number.NumericValue = value
    number.MeasurementUnitsCodeSequence = [code(unit, "UCUM", unit)]
    item.MeasuredValueSequence = [number]
    return item


def referring(uid):
    item, reference = Dataset(), Dataset()
    item.ValueType = "IMAGE"
    reference.ReferencedSOPInstanceUID = uid
    item.ReferencedSOPSequence = [reference]
    return item


def test_the_tree_is_read_in_its_order():
    inner = [content_item("CODE", "benign"), measured("3.5", "mm"), measured("1", "1")]
    report = make_report(
        [
            content_item("CONTAINER", "", content=inner),
            content_item("TEXT", "done"),
            referring("1.2"),
        ]
    )

    lines = [(line.depth, line.name, line.value) for line in report_lines(report)]

    assert lines == [
        (0, "Diagnostic imaging report", ""),
        (1, "Finding", ""),
        (2, "Finding", "benign"),
        (2, "Length", "3.5 mm"),
        (2, "Length", "1"),
        (1, "Finding", "done"),
        (1, "", "1.2"),
    ]


def test_lines_that_only_lead_elsewhere_are_told_from_what_is_said():
    uid = content_item("UIDREF", "")
    uid.UID = "1.2.3"
    named = content_item("TEXT", "1.2.3")
    above = referring("1.2")
    above.ContentSequence = [content_item("TEXT", "what it shows")]
    report = make_report([referring("1.2"), uid, named, above])

    lines = report_lines(report)

    assert [line.is_reference for line in lines] == [False, True, True, False, False, False]


def test_units_are_what_people_write():
    report = make_report([measured("-203", "[hnsf'U]"), measured("3", "mm"), measured("1", "1")])

    assert [line.value for line in report_lines(report)[1:]] == ["-203 HU", "3 mm", "1"]


def test_text_is_indented_and_says_whose_it_is():
    text = report_as_text(make_report([content_item("TEXT", "ok")], PatientID="P7"))

    assert "Patient ID: P7\n" in text
    assert text.endswith("Diagnostic imaging report\n  Finding: ok\n")


def test_a_page_holds_nothing_but_text():
    evil = '"><img src=x onerror=alert(1)>'
    report = make_report(
        [content_item("TEXT", evil, name=code("1", "X", evil))], PatientName=evil, PatientID=evil
    )

    page = report_as_html(report)

    assert "<img" not in page
    assert page.count("<ul>") == page.count("</ul>") == 1


def test_depth_and_length_are_bounded(monkeypatch):
    item = content_item("TEXT", "deep")
    for _ in range(100):
        item = content_item("CONTAINER", "", content=[item])
    assert max(line.depth for line in report_lines(make_report([item]))) == 60
    monkeypatch.setattr(report_text, "MAX_LINES", 5)

    assert len(report_lines(make_report([content_item("TEXT", "x")] * 9))) == 5


@pytest.mark.parametrize("kind", ["CODE", "NUM", "IMAGE", "TEXT", "", "WAVEFORM"])
def test_items_without_their_values_are_empty(kind):
    item = Dataset()
    item.ValueType = kind

    assert report_lines(make_report([item]))[1].value == ""
