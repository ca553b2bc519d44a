"""Filters that brute force over a random archive does not reach."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from inference.models import Label
from inference.similarity.services import search_similar
from inference.similarity.types import Filters, Level, SimilarQuery
from tests.builders.vectors import direction, make_case
from tests.factories.archive import PatientFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = pytest.mark.django_db


@pytest.fixture
def search(radiologist, space, project):
    """Ask for everything with filters; return the Series Instance UIDs found."""
    asked = make_case(space, [direction(0)], projects=[project])

    def run(level: Level = Level.SERIES, **filters: object) -> set[str]:
        query = SimilarQuery(
            series=asked.series_instance_uid, filters=Filters(**filters), level=level, k=100
        )
        return {result.series_uid for result in search_similar(radiologist, query).results}

    return run


@pytest.fixture
def case(space, project):
    def make(**options: object) -> Series:
        return make_case(space, [direction(0.1), direction(0.2)], projects=[project], **options)

    return make


@pytest.mark.parametrize(
    ("age", "years"), [("045Y", 45), ("018M", 1), ("053W", 1), ("400D", 1), ("011M", 0)]
)
def test_age_is_the_stated_one_in_whole_years(search, case, age, years):
    series = case(study={"patient_age": age})

    assert search(age_from=years, age_to=years) == {series.series_instance_uid}
    assert search(age_from=years + 1) == set()
    assert years == 0 or search(age_to=years - 1) == set()


@pytest.mark.parametrize("stated", ["", "45", "XXXY"])
def test_age_is_reckoned_from_birth_where_none_is_stated(search, case, stated):
    patient = PatientFactory(patient_birth_date=date(1980, 6, 15))
    series = case(patient=patient, study={"study_date": date(2020, 6, 14), "patient_age": stated})

    assert search(age_from=39, age_to=39) == {series.series_instance_uid}
    assert search(age_from=40) == set()


def test_unknown_age_and_date_match_no_range(search, case):
    case()

    assert search(age_from=0) == set()
    assert search(date_from=date(1900, 1, 1)) == set()


def test_dates_are_inclusive(search, case):
    series = case(study={"study_date": date(2020, 6, 14)})
    day = date(2020, 6, 14)

    assert search(date_from=day, date_to=day) == {series.series_instance_uid}
    assert search(date_from=date(2020, 6, 15)) == set()


def test_manufacturer_and_laterality(search, case):
    series = case(manufacturer="ACME Imaging", laterality="L")
    case(manufacturer="Other", laterality="R")

    assert search(manufacturer=("acme imaging",)) == {series.series_instance_uid}
    assert search(laterality=("l",)) == {series.series_instance_uid}


def test_label_on_an_instance_finds_its_series_but_not_its_siblings(search, case):
    series = case()
    labelled = series.instances.order_by("pk").last()
    Label.objects.create(
        study=series.study, instance=labelled, label_set="findings", label="nodule"
    )

    assert search(label=("nodule",)) == {series.series_instance_uid}
    assert search(label=("findings:nodule",)) == {series.series_instance_uid}
    assert search(label=("other:nodule",)) == set()
    assert search(Level.INSTANCE, label=("nodule",)) == {series.series_instance_uid}


def test_label_with_a_colon_of_its_own_is_found(search, case):
    series = case()
    Label.objects.create(study=series.study, label_set="x", label="a:b")

    assert search(label=("a:b",)) == {series.series_instance_uid}


def test_project_that_the_asker_can_not_read_matches_nothing(search, case, other_project):
    shared = case()
    shared.study.projects.add(other_project)

    assert search(project=("chest-clinic",)) == {shared.series_instance_uid}
    assert search(project=("neurology",)) == set()
    assert search(project=("no-such-project",)) == set()
