"""The portal's study list: filters, order, pages, rights."""

from datetime import date, time

import pytest

from archive.models import Membership
from archive.query import worklist
from archive.query.worklist import (
    WorklistFilters,
    picture_series,
    visible_body_parts,
    visible_modalities,
    worklist_page,
)
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def _uids(user, **filters):
    return [row.study_uid for row in worklist_page(user, WorklistFilters(**filters)).rows]


def test_worklist_page_lists_newest_first_and_the_undated_last(radiologist, project):
    old = StudyFactory(projects=[project], study_date=date(2020, 1, 1))
    undated = StudyFactory(projects=[project])
    new = StudyFactory(projects=[project], study_date=date(2024, 1, 1), study_time=time(9))
    newest = StudyFactory(projects=[project], study_date=date(2024, 1, 1), study_time=time(10))

    assert _uids(radiologist) == [study.study_instance_uid for study in (newest, new, old, undated)]


def test_worklist_page_shows_nothing_to_an_outsider(outsider, project):
    StudyFactory(projects=[project])

    page = worklist_page(outsider, WorklistFilters())

    assert (page.rows, page.total, page.number_of_pages) == ([], 0, 1)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("muller", True),
        ("Jürgen MÜLLER", True),
        ("mul", True),
        ("A-77", True),
        ("77", False),
        ("100%", False),
        ("meier", False),
    ],
)
def test_patient_filter_takes_names_without_accents_and_the_beginning_of_an_id(
    radiologist, project, text, is_found
):
    patient = PatientFactory(
        dicom_patient_id="A-7788",
        patient_name="Müller^Jürgen",
        patient_name_search="muller jurgen",
    )
    StudyFactory(patient=patient, projects=[project])

    assert bool(_uids(radiologist, patient=text)) is is_found


def test_filters_narrow_by_date_modality_accession_and_description(radiologist, project):
    wanted = StudyFactory(
        projects=[project],
        study_date=date(2024, 3, 1),
        modalities_in_study=["CT", "SR"],
        accession_number="ACC-9",
        study_description="CT Thorax with contrast",
    )
    StudyFactory(projects=[project], study_date=date(2023, 3, 1), modalities_in_study=["MR"])

    only = [wanted.study_instance_uid]
    assert _uids(radiologist, date_from=date(2024, 1, 1)) == only
    assert _uids(radiologist, date_from=date(2024, 3, 1), date_to=date(2024, 3, 1)) == only
    assert _uids(radiologist, modalities=("CT", "PT")) == only
    assert _uids(radiologist, accession="acc-") == only
    assert _uids(radiologist, description="contrast thorax") == only
    assert _uids(radiologist, description="thorax liver") == []


def test_worklist_page_sorts_by_patient_both_ways(radiologist, project):
    first, second = (
        StudyFactory(patient=PatientFactory(patient_name_search=name), projects=[project])
        for name in ("abel", "zoe")
    )
    ascending = [first.study_instance_uid, second.study_instance_uid]

    assert _uids(radiologist, sort="patient", is_descending=False) == ascending
    assert _uids(radiologist, sort="patient", is_descending=True) == ascending[::-1]


def test_worklist_page_counts_all_and_gives_the_last_page_beyond_the_end(radiologist, project):
    for _ in range(5):
        StudyFactory(projects=[project])

    page = worklist_page(radiologist, WorklistFilters(), page=99, page_size=2)

    assert (page.page, page.number_of_pages, page.total) == (3, 3, 5)
    assert (page.first, page.last, len(page.rows)) == (5, 5, 1)


def test_worklist_page_takes_few_queries_whatever_the_rows(
    radiologist, project, django_assert_num_queries
):
    for _ in range(6):
        SeriesFactory(study=StudyFactory(projects=[project]), number_of_series_related_instances=1)

    with django_assert_num_queries(5):
        worklist_page(radiologist, WorklistFilters())


def test_study_in_two_projects_of_the_asker_is_listed_once(
    radiologist, project, other_project, outsider
):
    StudyFactory(projects=[project, other_project])

    assert len(_uids(radiologist)) == 1
    assert len(_uids(outsider)) == 1


def test_picture_series_is_the_first_with_images(project):
    study = StudyFactory(projects=[project])
    SeriesFactory(study=study, modality="SR", series_number=1, number_of_series_related_instances=1)
    SeriesFactory(study=study, modality="CT", series_number=2)
    wanted = SeriesFactory(study=study, series_number=3, number_of_series_related_instances=9)
    SeriesFactory(study=study, series_number=4, number_of_series_related_instances=9)

    assert picture_series([study.pk]) == {study.pk: wanted.series_instance_uid}


def test_row_names_pictures_before_reports(radiologist, project):
    StudyFactory(projects=[project], modalities_in_study=["SEG", "CT", "SR"])

    assert worklist_page(radiologist, WorklistFilters()).rows[0].modalities == ("CT", "SEG", "SR")


def test_facets_hold_what_the_asker_may_see_alone(radiologist, project, other_project):
    StudyFactory(projects=[project], modalities_in_study=["CT", "SR"], body_parts=["CHEST"])
    StudyFactory(projects=[other_project], modalities_in_study=["MG"], body_parts=["BREAST"])

    assert visible_modalities(radiologist) == ["CT"]
    assert visible_body_parts(radiologist) == ["CHEST"]


def test_facets_of_an_empty_archive_are_not_remembered(radiologist, project):
    assert visible_modalities(radiologist) == []
    StudyFactory(projects=[project], modalities_in_study=["CT"])

    assert visible_modalities(radiologist) == ["CT"]


def test_facets_of_who_lost_a_membership_are_gone_at_once(radiologist, project):
    StudyFactory(projects=[project], modalities_in_study=["CT"])
    assert visible_modalities(radiologist) == ["CT"]

    Membership.objects.filter(user=radiologist).delete()

    assert visible_modalities(radiologist) == []


def test_many_studies_are_counted_up_to_a_bound_and_still_paged_to_the_last(
    radiologist, project, monkeypatch
):
    monkeypatch.setattr(worklist, "MAX_COUNTED", 3)
    for number in range(7):
        StudyFactory(projects=[project], accession_number=f"A{number}")
    filters = WorklistFilters(sort="accession", is_descending=False)

    pages = [worklist_page(radiologist, filters, page=number, page_size=2) for number in (1, 3, 4)]
    beyond = worklist_page(radiologist, filters, page=9, page_size=2)
    counted = worklist_page(radiologist, filters, page_size=2, is_counted=True)

    assert [[row.accession_number for row in page.rows] for page in pages] == [
        *(["A0", "A1"], ["A4", "A5"], ["A6"])
    ]
    assert [(page.total, page.is_total_exact) for page in pages] == [
        *((3, False), (6, False), (7, False))
    ]
    assert [page.number_of_pages > page.page for page in pages] == [True, True, False]
    assert (beyond.page, beyond.total, beyond.is_total_exact) == (4, 7, True)
    assert (counted.total, counted.is_total_exact, counted.number_of_pages) == (7, True, 4)
