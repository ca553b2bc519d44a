"""What a report says of the patient follows the same rules as the attributes of an image."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from archive.deid.content_items import cap_age, is_left_out
from archive.deid.engine import deidentify
from archive.deid.profiles import make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.types import Option
from tests.builders.datasets import make_dataset

PSEUDONYMS = Pseudonyms(derive_secret("a secret of the tests", "content"))
AGE = ("121033", "DCM")


def _code(value: str, scheme: str) -> Sequence:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "A meaning"
    return Sequence([code])


def _item(concept: tuple[str, str], **attributes) -> Dataset:
    item = Dataset()
    item.ConceptNameCodeSequence = _code(*concept)
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _number(concept: tuple[str, str], value: str, unit: str = "a", scheme: str = "UCUM") -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = _code(unit, scheme)
    return _item(concept, ValueType="NUM", MeasuredValueSequence=Sequence([measured]))


def _left(*items: Dataset, keeps_characteristics: bool) -> list[Dataset]:
    profile = make_profile(
        keeps_patient_characteristics=keeps_characteristics, options=[Option.STRUCTURED_CONTENT]
    )
    container = _item(("121070", "DCM"), ValueType="CONTAINER", ContentSequence=Sequence(items))
    ds = make_dataset(Modality="SR", ContentSequence=Sequence([container]))
    made = deidentify(ds, profile, PSEUDONYMS, subject="one").ds
    return list(made.ContentSequence[0].ContentSequence)


@pytest.mark.parametrize(
    ("value", "unit", "kept"),
    [
        ("97", "a", "90"),
        ("90", "a", "90"),
        ("89", "a", "89"),
        ("1200", "mo", None),
        ("1000", "mo", "1000"),
        ("4696", "wk", None),
        ("35429", "d", None),
        ("40", "d", "40"),
        ("40", "{none}", None),
    ],
)
def test_ages_of_ninety_years_and_more_leave_as_ninety_or_not_at_all(value, unit, kept):
    items = _left(_number(AGE, value, unit), keeps_characteristics=True)

    assert [str(one.MeasuredValueSequence[0].NumericValue) for one in items] == [kept] * bool(kept)


def test_an_age_stays_capped_in_every_way_of_writing_it():
    measured = _number(AGE, "97")
    part = measured.MeasuredValueSequence[0]
    part.FloatingPointValue, part.RationalNumeratorValue = 97.25, 389
    part.RationalDenominatorValue = 4
    (left,) = _left(measured, keeps_characteristics=True)
    value = left.MeasuredValueSequence[0]

    assert value.NumericValue == 90
    assert not {"FloatingPointValue", "RationalNumeratorValue"} & set(value.dir())
    assert part.NumericValue == 97


def test_an_age_in_an_acquisition_context_is_capped_beside_its_concept():
    item = _item(AGE, NumericValue="97", MeasurementUnitsCodeSequence=_code("a", "UCUM"))

    cap_age(item)

    assert item.NumericValue == 90


def test_a_unit_of_no_standard_is_not_taken_for_years():
    assert is_left_out(_number(AGE, "40", "a", "99LOCAL"), keeps_characteristics=True)


def test_other_numbers_are_left_alone():
    (length,) = _left(_number(("121206", "DCM"), "97", "mm"), keeps_characteristics=False)

    assert length.MeasuredValueSequence[0].NumericValue == 97


@pytest.mark.parametrize(
    "concept",
    [
        AGE,
        ("121032", "DCM"),
        ("8302-2", "LN"),
        ("29463-7", "LN"),
        ("11449-6", "LN"),
        ("72166-2", "LN"),
    ],
)
def test_characteristics_leave_where_they_are_wanted_alone(concept):
    item = _number(concept, "40")

    assert len(_left(item, keeps_characteristics=True)) == 1
    assert _left(item, keeps_characteristics=False) == []


@pytest.mark.parametrize(
    "concept", [("121031", "DCM"), ("21112-8", "LN"), ("184099003", "SCT"), ("122165", "DCM")]
)
@pytest.mark.parametrize("keeps_dates", [True, False])
def test_births_and_deaths_are_left_out_whatever_is_done_with_dates(concept, keeps_dates):
    options = [Option.STRUCTURED_CONTENT, *([Option.FULL_DATES] if keeps_dates else [])]
    item = _item(concept, ValueType="DATE", Date="19511213")
    ds = make_dataset(Modality="SR", ContentSequence=Sequence([item]))

    made = deidentify(ds, make_profile(options=options), PSEUDONYMS, subject="one").ds

    assert list(made.ContentSequence) == []


def test_a_patient_called_as_a_kind_of_item_costs_no_item_its_kind():
    profile = make_profile(options=[Option.STRUCTURED_CONTENT])
    text = _item(("121071", "DCM"), ValueType="TEXT", RelationshipType="CONTAINS", TextValue="ill")
    ds = make_dataset(Modality="SR", PatientName="Text^Contains", ContentSequence=Sequence([text]))

    (left,) = deidentify(ds, profile, PSEUDONYMS, subject="one").ds.ContentSequence

    assert (left.ValueType, left.RelationshipType) == ("TEXT", "CONTAINS")
    assert left.TextValue == "REMOVED"
