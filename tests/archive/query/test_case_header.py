"""The case that a study, series or instance UID means."""

import pytest

from archive.errors import NotVisibleError
from archive.query.case_header import case_header
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
