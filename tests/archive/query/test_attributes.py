from __future__ import annotations

import pytest

from archive.models import Instance, Patient, Series, Study
from archive.query.attributes import ATTRIBUTES, TABLES, is_supported
from archive.query.types import Kind, Level

MODELS = {
    Level.PATIENT: Patient,
    Level.STUDY: Study,
    Level.SERIES: Series,
    Level.INSTANCE: Instance,
}


@pytest.mark.parametrize("attribute", ATTRIBUTES.values(), ids=lambda item: item.keyword)
def test_each_attribute_is_in_the_dictionary_and_has_its_columns(attribute):
    fields = {field.column for field in MODELS[attribute.level]._meta.concrete_fields}

    assert attribute.tag
    assert len(attribute.tag_hex) == 8
    assert attribute.kind is Kind.CONSTANT or attribute.column in fields
    assert not attribute.search_column or attribute.search_column in fields


# PS3.18 table 10.6.1-5
REQUIRED = {
    Level.STUDY: [
        *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy"),
        *("ReferringPhysicianName", "PatientName", "PatientID", "StudyInstanceUID", "StudyID"),
    ],
    Level.SERIES: [
        *("Modality", "SeriesInstanceUID", "SeriesNumber"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "RequestAttributesSequence.RequestedProcedureID",
    ],
    Level.INSTANCE: ["SOPClassUID", "SOPInstanceUID", "InstanceNumber"],
}


@pytest.mark.parametrize(
    ("level", "keyword"),
    [(level, keyword) for level, keywords in REQUIRED.items() for keyword in keywords],
)
def test_required_matching_keys_are_supported_at_their_level_and_below(level, keyword):
    assert all(is_supported(keyword, lower) for lower in Level if lower >= level)


def test_attributes_below_the_querys_level_are_not_supported():
    assert not is_supported("Modality", Level.STUDY)
    assert not is_supported("NoSuchThing", Level.STUDY)


def test_tables_are_those_of_the_models():
    assert {level: model._meta.db_table for level, model in MODELS.items()} == TABLES
