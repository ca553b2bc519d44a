from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from inference.bundles.gates import (
    NOTICE,
    SeriesFacts,
    facts_of,
    notice_of,
    why_not,
    why_not_facts,
)
from inference.models import ModelVersion, SeriesAttributes
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory

FACTS = SeriesFacts(
    modality="CT",
    body_part="CHEST",
    views=frozenset({"PA"}),
    age=17.9,
    spacing_mm=(0.7, 0.8),
    slice_spacing_mm=(5.0,),
    images=40,
)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, ""),
        ({"modalities": ["CT", "MR"]}, ""),
        ({"modalities": ["MR"]}, "The model is for MR; the series is CT."),
        ({"body_parts": ["chest"]}, ""),
        (
            {"body_parts": ["HEAD", "BRAIN", "SKULL"]},
            "The model is for HEAD, BRAIN or SKULL; the series shows CHEST.",
        ),
        ({"views": ["PA", "AP"]}, ""),
        ({"views": ["AP"]}, "The model is for the view AP; the series holds PA."),
        ({"age_from": 17, "age_to": 17}, ""),
        (
            {"age_from": 18},
            "The model is for people from 18 years on; the patient was 17.",
        ),
        ({"age_to": 16}, "The model is for people up to 16 years; the patient was 17."),
        ({"contrast": False}, ""),
        (
            {"contrast": True},
            "The model is for images with a contrast agent; the series names none.",
        ),
        ({"spacing_mm": [0.5, 1]}, ""),
        (
            {"spacing_mm": [0.5, 0.75]},
            "The model is for pixels 0.5 to 0.75 mm apart; the series has 0.8 mm.",
        ),
        (
            {"slice_spacing_mm": [0, 3]},
            "The model is for slices 0 to 3 mm apart; the series has 5 mm.",
        ),
        ({"minimum_instances": 40, "dimensions": 3}, ""),
        ({"minimum_instances": 41}, "The model needs at least 41 images; the series has 40."),
    ],
)
def test_why_not_says_which_part_of_the_intended_use_fails(inputs, reason):
    assert why_not_facts(inputs, FACTS) == reason


@pytest.mark.parametrize(
    ("inputs", "key"),
    [
        ({"modalities": ["CT"]}, ""),
        ({"body_parts": ["CHEST"]}, "body_parts"),
        ({"views": ["PA"]}, "views"),
        ({"age_to": 90}, "age"),
        ({"spacing_mm": [0, 9]}, "spacing_mm"),
        ({"dimensions": 3}, ""),
    ],
)
def test_what_a_series_does_not_state_holds_nowhere_unless_accepted(inputs, key):
    assert why_not_facts(inputs, SeriesFacts())
    if key:
        assert why_not_facts({**inputs, "accept_unknown": [key]}, SeriesFacts()) == ""


def test_one_word_of_a_body_part_is_enough():
    facts = replace(FACTS, body_part="CHEST ABDOMEN")
    assert why_not_facts({"body_parts": ["ABDOMEN"]}, facts) == ""


@pytest.mark.django_db
def test_why_not_reads_what_is_kept_of_the_series():
    born = PatientFactory(patient_birth_date=date(2010, 6, 1))
    series = SeriesFactory(
        study=StudyFactory(patient=born, study_date=date(2026, 5, 1)),
        modality="DX",
        body_part_examined="Chest",
        number_of_series_related_instances=1,
    )
    SeriesAttributes.objects.create(
        series=series,
        number_of_instances=1,
        values={
            "ViewPosition": ["pa"],
            "ImagerPixelSpacing": ["0.143"],
            "ContrastBolusAgent": ["iodine"],
        },
    )

    facts = facts_of(series)

    assert (facts.modality, facts.body_part, facts.views) == ("DX", "CHEST", frozenset({"PA"}))
    assert int(facts.age) == 15
    assert facts.spacing_mm == (0.143,)
    assert facts.has_contrast
    version = ModelVersionFactory(inputs={"modalities": ["DX"], "age_from": 18})
    assert why_not(version, series).endswith("the patient was 15.")


def test_results_carry_the_notice_unless_the_registry_says_otherwise():
    assert notice_of(ModelVersion()) == NOTICE
    assert notice_of(ModelVersion(is_diagnostic=True)) == ""
