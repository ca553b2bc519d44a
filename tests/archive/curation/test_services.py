"""What is withheld is kept, named or asked for it is given, and a trial is for reviewers."""

import pytest

from archive.curation.services import withhold_series
from archive.errors import NotVisibleError
from archive.models import Series
from archive.query.selectors import matches
from archive.query.study_overview import study_overview
from archive.query.types import Level, MatchingKey, Query
from archive.retrieve.selectors import visible_instance, visible_instances
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(project):
    """A shown image and a report of one study."""
    study = StudyFactory(projects=[project])
    image = InstanceFactory(series=SeriesFactory(study=study))
    report = InstanceFactory(series=SeriesFactory(study=study, modality="SR"))
    return image, report


def found(user, level, **query):
    page = matches(user=user, query=Query(level=level, **query))
    return {match.series_instance_uid for match in page.matches}


def test_withheld_series_are_in_no_default_answer_and_are_given_where_named(radiologist, pair):
    image, report = pair
    study_uid, uid = report.series.study.study_instance_uid, report.series.series_instance_uid

    assert withhold_series(sop_instance_uids=[report.sop_instance_uid], reason="rejected") == 1

    shown = {image.series.series_instance_uid}
    assert found(radiologist, Level.SERIES) == shown
    assert found(radiologist, Level.INSTANCE, study_instance_uid=study_uid) == shown
    assert found(radiologist, Level.SERIES, is_withheld_included=True) == shown | {uid}
    assert found(radiologist, Level.INSTANCE, series_instance_uid=uid) == {uid}
    named = (MatchingKey("SeriesInstanceUID", (uid,)),)
    assert found(radiologist, Level.SERIES, keys=named) == {uid}
    assert visible_instances(radiologist, study_instance_uid=study_uid) == [image]
    assert visible_instance(radiologist, study_uid, uid, report.sop_instance_uid) == report
    assert study_overview(radiologist, study_uid).results == ()


def test_shown_again_is_as_before(radiologist, pair):
    _, report = pair
    withhold_series(sop_instance_uids=[report.sop_instance_uid], reason="rejected")

    assert withhold_series(sop_instance_uids=[report.sop_instance_uid], reason="") == 1

    assert len(found(radiologist, Level.SERIES)) == 2
    assert withhold_series(sop_instance_uids=[report.sop_instance_uid], reason="") == 0


def test_a_trial_is_seen_by_reviewers_alone(radiologist, colleague, archive_admin, outsider, pair):
    _, report = pair
    study_uid, uid = report.series.study.study_instance_uid, report.series.series_instance_uid
    withhold_series(sop_instance_uids=[report.sop_instance_uid], reason="trial")

    for reviewer in (radiologist, archive_admin):
        assert found(reviewer, Level.SERIES, is_withheld_included=True) >= {uid}
        assert visible_instance(reviewer, study_uid, uid, report.sop_instance_uid) == report
    for other in (colleague, outsider):
        assert uid not in found(other, Level.SERIES, is_withheld_included=True)
        with pytest.raises(NotVisibleError):
            visible_instance(other, study_uid, uid, report.sop_instance_uid)
        assert not Series.objects.visible_to(other).filter(series_instance_uid=uid).exists()


def test_unknown_reason_is_refused(pair):
    with pytest.raises(ValueError, match="nonsense"):
        withhold_series(sop_instance_uids=[], reason="nonsense")
