"""Identifiers that are served otherwise than they came, and how what is served says so."""

import datetime

from archive.dicom.coercion import coerced_values, with_coerced
from tests.builders.datasets import make_dataset

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def test_only_identifiers_that_were_cleaned_are_coerced():
    ds = make_dataset(PatientID="A\tB", StudyID="7", PatientName="N\tN")

    found = coerced_values(ds, {"PatientID", "PatientName"}, {"PatientID": "A B"})

    assert found == {"PatientID": [b"A\tB".hex(), "A B"]}


def test_what_is_served_says_what_it_was():
    ds = make_dataset(PatientID="A\tB")

    served = with_coerced(ds, {"PatientID": [b"A\tB".hex(), "A B"]}, MOMENT, "TWINSIGHT")

    assert served.PatientID == "A B"
    (item,) = served.OriginalAttributesSequence
    assert item.ModifyingSystem == "TWINSIGHT"
    assert str(item.AttributeModificationDateTime).startswith("20260102030405")
    assert item.ModifiedAttributesSequence[0].PatientID == ""
    (original,) = item.NonconformingModifiedAttributesSequence
    assert original.NonconformingDataElementValue == b"A\tB\0"


def test_earlier_changes_are_kept_and_nothing_happens_without_any():
    ds = make_dataset()
    before = ds.to_json()
    assert with_coerced(ds, {}, MOMENT, "TWINSIGHT").to_json() == before

    with_coerced(ds, {"StudyID": ["00", ""]}, MOMENT, "ONE")
    with_coerced(ds, {"PatientID": ["00", ""]}, MOMENT, "TWO")

    assert [one.ModifyingSystem for one in ds.OriginalAttributesSequence] == ["ONE", "TWO"]
