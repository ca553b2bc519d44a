from __future__ import annotations

import json
from dataclasses import replace

from archive.dicomweb.search_results import json_rows, merge_stored, page_warnings, xml_parts
from archive.query.attributes import ATTRIBUTES
from archive.query.stored_fields import StoredFields
from archive.query.types import Level, Page

BASE = "https://x.example/dicom-web"


def page(*uids, **values):
    attributes = tuple(ATTRIBUTES[keyword] for keyword in values)
    return Page(Level.SERIES, attributes, ((*values.values(), *uids),))


def test_an_answer_is_strict_dicom_json():
    written = page(
        *("1.2", "1.2.3"),
        StudyDate=None,
        ModalitiesInStudy=["CT", "SR"],
        SeriesDescription='say "ah"\\',
        PatientName="Yamada^Tarou=山田^太郎",
        SeriesNumber=0,
        RequestAttributesSequence='[{"RequestedProcedureID": "R", "Unknown": "x"}]',
    )

    (row,) = map(json.loads, json_rows(written, BASE))

    assert list(row) == sorted(row)
    assert row["00080020"] == {"vr": "DA"}
    assert row["00080061"]["Value"] == ["CT", "SR"]
    assert row["0008103E"]["Value"] == ['say "ah"\\']
    assert row["00200011"] == {"vr": "IS", "Value": [0]}
    assert row["00100010"]["Value"] == [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]
    assert row["00400275"]["Value"] == [{"00401001": {"vr": "SH", "Value": ["R"]}}]
    assert row["00081190"]["Value"] == [f"{BASE}/studies/1.2/series/1.2.3"]
    assert row["00080005"]["Value"] == ["ISO_IR 192"]


def test_plain_text_names_no_character_set_and_what_is_unknown_may_be_left_out():
    (row,) = map(json.loads, json_rows(page("1.2", PatientID="P1", IssuerOfPatientID=""), BASE))

    assert row == {
        "00081190": {"vr": "UR", "Value": [f"{BASE}/studies/1.2"]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
    }


def test_what_only_the_objects_know_is_added_in_the_order_of_tags():
    found = replace(
        page("1.2", "1.2.3", PatientID="P1"),
        stored=StoredFields(Level.SERIES, frozenset({"00180015", "00104000", "00280010"})),
        representatives=((7, "1.2.3.4"),),
    )
    document = {
        "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
        "00100020": {"vr": "LO", "Value": ["other"]},
        "00104000": {"vr": "LT", "Value": ["Müde"]},
        "00180015": {"vr": "CS"},
    }
    rows = json_rows(found, BASE)

    (text,) = merge_stored(rows, found, [json.dumps(document).encode()])

    row = json.loads(text)
    assert list(row) == ["00081190", "00100020", "00104000", "00180015"]
    assert row["00100020"]["Value"] == ["P1"]
    assert merge_stored(rows, found, []) == rows


def test_each_answer_is_one_document_of_xml():
    ((kind, content),) = xml_parts(json_rows(page("1.2", PatientID="P1"), BASE))

    assert kind == "application/dicom+xml"
    assert b'keyword="PatientID"><Value number="1">P1</Value>' in content[0]


def test_warnings_say_what_is_left_and_stay_header_safe():
    found = Page(
        Level.STUDY,
        remaining=3,
        is_remaining_exact=False,
        unsupported=('a"b\r\n\u00e9',),
        is_fuzzy_refused=True,
    )

    fuzzy, left, unsupported = page_warnings(found)

    assert fuzzy == (
        "The fuzzymatching parameter is not supported. Only literal matching has been performed."
    )
    assert left == "There are at least 3 additional results that can be requested"
    assert unsupported.isascii()
    assert unsupported.isprintable()
    assert '"' not in unsupported
    assert page_warnings(Page(Level.STUDY)) == []
