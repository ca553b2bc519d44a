"""Which attributes of a hit agree with the query's, and which differ."""

from __future__ import annotations

import datetime

import pytest

from inference.models import SeriesAttributes
from inference.similarity.explaining.agreement import (
    CaseAttributes,
    attributes_of_query,
    attributes_of_series,
    compare_attributes,
)
from inference.similarity.questions import Attributes
from inference.similarity.services import search_similar
from inference.similarity.types import SimilarQuery
from tests.builders.vectors import direction, make_case
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def made(age="", sex="", **series):
    study = StudyFactory(patient=PatientFactory(patient_sex=sex), patient_age=age)
    return SeriesFactory(study=study, **series)


def compared(ours, theirs):
    both = attributes_of_series([ours, theirs])
    return compare_attributes(both[ours.pk], both[theirs.pk])


def test_what_both_state_agrees_or_differs():
    ours = made("040Y", "F", modality="CT", body_part_examined="CHEST", manufacturer="Acme")
    theirs = made("047Y", "M", modality="CT", body_part_examined="HEAD", manufacturer="ACME ")

    agrees, differs = compared(ours, theirs)

    assert agrees == ("modality", "age", "manufacturer")
    assert differs == ("body_part", "sex")


def test_what_one_does_not_state_is_in_neither():
    ours = made("", "", modality="CT", body_part_examined="", manufacturer="")
    theirs = made("047Y", "M", modality="MR", body_part_examined="HEAD", manufacturer="Acme")
    for study in (ours.study, theirs.study):
        study.patient.patient_birth_date = None

    assert compared(ours, theirs) == ((), ("modality",))


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [("040Y", "050Y", "agrees"), ("040Y", "051Y", "differs"), ("006M", "010Y", "agrees")],
)
def test_ages_agree_within_ten_years(ours, theirs, name):
    agrees, differs = compared(made(ours), made(theirs))
    assert ("age" in agrees) == (name == "agrees")
    assert ("age" in differs) == (name == "differs")


def test_age_follows_from_birth_where_it_is_not_stated():
    ours, theirs = made("055Y"), made("")
    theirs.study.patient.patient_birth_date = datetime.date(1960, 1, 1)
    theirs.study.study_date = datetime.date(2020, 6, 1)

    assert "age" in compared(ours, theirs)[0]


def test_view_and_side_are_those_of_the_images():
    ours, theirs = made(laterality="L"), made()
    SeriesAttributes.objects.create(series=ours, values={"ViewPosition": ["PA"]})
    SeriesAttributes.objects.create(
        series=theirs, values={"ViewPosition": ["AP", "PA"], "ImageLaterality": ["R"]}
    )

    agrees, differs = compared(ours, theirs)

    assert "view" in agrees
    assert "laterality" in differs


def test_upload_has_what_its_file_says():
    stated = Attributes(modalities=frozenset({"CT"}))
    ours = attributes_of_query([], stated)
    theirs = CaseAttributes({"modality": frozenset({"CT"}), "sex": frozenset({"F"})}, (40.0,))

    assert compare_attributes(ours, theirs) == (("modality",), ())


def test_results_say_what_agrees(radiologist, space, project):
    asked, other = (
        make_case(space, [direction(angle)], projects=[project], modality="MR", laterality=side)
        for angle, side in ((0.0, "L"), (0.1, "R"))
    )
    query = SimilarQuery(study=asked.study.study_instance_uid)

    (hit,) = search_similar(radiologist, query).results

    assert hit.series_uid == other.series_instance_uid
    assert "modality" in hit.explain.agrees
    assert "laterality" in hit.explain.differs
