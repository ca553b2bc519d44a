"""The portal's study list: filters, order, pages, rights."""

from datetime import date, time

import pytest

from archive.query import worklist, worklist_scope, worklist_search
from archive.query.worklist import (
    Place,
    WorklistFilters,
    picture_series,
    worklist_page,
)
from archive.query.worklist_order import SORT_KEYS
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

    worklist_page(radiologist, WorklistFilters())

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


def _numbered(project, count):
    return [
        StudyFactory(
            projects=[project],
            accession_number=f"A{number:03d}",
            study_date=date(2024, 1, 1 + number // 3) if number < 8 else None,
            study_time=time(9) if number % 3 == 1 else None,
            study_description=f"Part {number % 2}",
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("sort", sorted(SORT_KEYS))
@pytest.mark.parametrize("is_descending", [True, False])
def test_pages_behind_a_study_are_those_of_their_numbers(radiologist, project, sort, is_descending):
    _numbered(project, 12)
    filters = WorklistFilters(sort=sort, is_descending=is_descending)
    pages = [worklist_page(radiologist, filters, page=n, page_size=5).rows for n in (1, 2, 3)]

    def at(number, **study):
        place = Place(page=number, **study)
        return worklist_page(radiologist, filters, page_size=5, place=place).rows

    assert at(2, after=pages[0][-1].study_uid) == pages[1]
    assert at(3, after=pages[1][-1].study_uid) == pages[2]
    assert at(2, before=pages[2][0].study_uid) == pages[1]
    assert at(1, before=pages[1][0].study_uid) == pages[0]


def test_place_of_a_study_outside_the_list_is_its_page_number(radiologist, project, other_project):
    _numbered(project, 3)
    hidden = StudyFactory(projects=[other_project])

    for uid in (hidden.study_instance_uid, "1.2.3", "no uid"):
        page = worklist_page(radiologist, WorklistFilters(), place=Place(after=uid))
        assert len(page.rows) == 3


@pytest.fixture
def searched(project, other_project, monkeypatch):
    monkeypatch.setattr(worklist_scope, "_many", {})
    jurgen = PatientFactory(
        dicom_patient_id="A-7788",
        patient_name="M\u00fcller^J\u00fcrgen",
        patient_name_search="muller jurgen",
    )
    for where, accession, description in (
        (project, "ACC-1", "CT Thorax 100%"),
        (project, "B-2", "Knee left"),
        (other_project, "C-3", "CT Thorax"),
    ):
        StudyFactory(
            patient=jurgen,
            projects=[where],
            accession_number=accession,
            study_description=description,
        )
    StudyFactory(projects=[project], accession_number="D-4", study_description="CT Thorax")


@pytest.mark.parametrize("is_common", [False, True])
@pytest.mark.parametrize(
    ("text", "accessions"),
    [
        ("muller", {"ACC-1", "B-2"}),
        ("M\u00dcLLER^J\u00fcrgen", {"ACC-1", "B-2"}),
        ("a-77 thorax", {"ACC-1"}),
        ("acc-", {"ACC-1"}),
        ("orax", {"ACC-1", "D-4"}),
        ("ct", {"ACC-1", "D-4"}),
        ("t", {"ACC-1", "D-4"}),
        ("100%", {"ACC-1"}),
        ("10_%", set()),
        ("c-3", set()),
        ("jurgen knee left", {"B-2"}),
        (",, ^", {"ACC-1", "B-2", "D-4"}),
    ],
)
def test_search_finds_each_word_in_name_id_accession_or_description(
    radiologist, searched, monkeypatch, text, accessions, is_common
):
    if is_common:
        monkeypatch.setattr(worklist_search, "MAX_CANDIDATES", 0)

    page = worklist_page(radiologist, WorklistFilters(search=text))

    assert {row.accession_number for row in page.rows if row.accession_number} == accessions


def test_words_that_are_common_alone_are_looked_up_together(radiologist, searched, monkeypatch):
    asked = []
    find = worklist_search._candidates

    def found(words):
        asked.append(words)
        return find(words) if len(words) == 2 else None

    monkeypatch.setattr(worklist_search, "_candidates", found)

    for text, accessions in (
        ("muller thorax", ["ACC-1"]),
        ("muller jurgen", ["ACC-1", "B-2"]),
        ("left knee", ["B-2"]),
        ("acc- muller 100%", ["ACC-1"]),
        ("knee thorax", []),
    ):
        page = worklist_page(radiologist, WorklistFilters(search=text, sort="accession"))
        rows = [row.accession_number for row in page.rows]
        assert sorted(rows) == accessions, text
    assert ("muller", "thorax") in asked
    # What was common a minute ago is not counted again.
    asked.clear()
    worklist_page(radiologist, WorklistFilters(search="acc- muller 100%"))
    assert {len(words) for words in asked} == {2}


def test_search_by_study_uid(radiologist, project):
    study = StudyFactory(projects=[project])
    StudyFactory(projects=[project])

    assert _uids(radiologist, search=study.study_instance_uid) == [study.study_instance_uid]


def test_search_for_a_name_nobody_has_shows_those_that_are_alike(radiologist, outsider, searched):
    page = worklist_page(radiologist, WorklistFilters(search="mueler"))
    exact = worklist_page(radiologist, WorklistFilters(search="muller"))

    assert {row.accession_number for row in page.rows} == {"ACC-1", "B-2"}
    assert (page.is_fuzzy, exact.is_fuzzy) == (True, False)
    # What others' patients are called makes no difference to who does not see them.
    hidden = worklist_page(outsider, WorklistFilters(search="test"))
    assert (hidden.rows, hidden.is_fuzzy) == ([], False)


def test_project_and_newer_than_narrow_the_list(radiologist, project, other_project):
    first = StudyFactory(projects=[project])
    second = StudyFactory(projects=[project])

    assert _uids(radiologist, project="chest-clinic", received_after=first.created_at) == [
        second.study_instance_uid
    ]
    assert _uids(radiologist, project=other_project.slug) == []
    assert _uids(radiologist, project="no-such-project") == []
