"""The case that a study, series or instance UID means."""

import pytest

from archive.errors import NotVisibleError
from archive.models.memberships import memberships_kept
from archive.query.case_header import CaseUids, case_header, case_headers
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project):
    study = StudyFactory(projects=[project])
    return SeriesFactory(study=study, number_of_series_related_instances=1)


def test_series_stands_for_itself(radiologist, series):
    header = case_header(radiologist, series_uid=series.series_instance_uid)

    assert header.series.series_uid == series.series_instance_uid
    assert header.study.study_uid == series.study.study_instance_uid


def test_study_is_shown_by_its_first_series_of_pictures(radiologist, series):
    header = case_header(radiologist, study_uid=series.study.study_instance_uid)

    assert header.series.series_uid == series.series_instance_uid


def test_study_without_pictures_has_no_series(radiologist, project):
    study = StudyFactory(projects=[project])

    assert case_header(radiologist, study_uid=study.study_instance_uid).series is None


def test_instance_names_its_series(radiologist, series):
    instance = InstanceFactory(series=series)

    header = case_header(radiologist, instance_uid=instance.sop_instance_uid)

    assert header.series.series_uid == series.series_instance_uid
    assert header.instance_uid == instance.sop_instance_uid


def test_uids_of_different_paths_are_not_found(radiologist, series, project):
    other = StudyFactory(projects=[project])

    with pytest.raises(NotVisibleError):
        case_header(
            radiologist,
            study_uid=other.study_instance_uid,
            series_uid=series.series_instance_uid,
        )


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_outsider_finds_nothing(outsider, series, level):
    instance = InstanceFactory(series=series)
    uids = {
        "study": series.study.study_instance_uid,
        "series": series.series_instance_uid,
        "instance": instance.sop_instance_uid,
    }

    with pytest.raises(NotVisibleError):
        case_header(outsider, **{f"{level}_uid": uids[level]})


def test_many_cases_take_as_many_queries_as_one(
    radiologist, project, django_assert_max_num_queries
):
    made = [
        SeriesFactory(study=StudyFactory(projects=[project]), number_of_series_related_instances=1)
        for _ in range(4)
    ]
    instance = InstanceFactory(series=made[0])
    named = [
        CaseUids(instance_uid=instance.sop_instance_uid),
        CaseUids(series_uid=made[1].series_instance_uid),
        CaseUids(study_uid=made[2].study.study_instance_uid),
        CaseUids(study_uid=made[3].study.study_instance_uid),
        CaseUids(series_uid="1.2.3"),
    ]

    # Series of instances, series, studies, their pictures; memberships once where there is a page.
    with memberships_kept(), django_assert_max_num_queries(6):
        found = case_headers(radiologist, named)

    shown = [found[one].series.series_uid for one in named[:4]]
    assert shown == [one.series_instance_uid for one in made]
    assert found[named[4]] is None


def test_of_many_cases_those_outside_the_rights_are_none(outsider, series):
    instance = InstanceFactory(series=series)
    named = [
        CaseUids(instance_uid=instance.sop_instance_uid),
        CaseUids(series_uid=series.series_instance_uid),
        CaseUids(study_uid=series.study.study_instance_uid),
    ]

    assert set(case_headers(outsider, named).values()) == {None}
