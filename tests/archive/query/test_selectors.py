from __future__ import annotations

import datetime

import pytest
from django.contrib.auth.models import AnonymousUser

from archive.errors import InvalidRequestError
from archive.query import selectors
from archive.query.selectors import matches
from archive.query.statements import returned_attributes
from archive.query.types import Level, MatchingKey, Query
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def values_of(match):
    return {attribute.keyword: values for attribute, values in match.values}


def test_studies_come_newest_first_with_their_return_keys(radiologist, project):
    old = StudyFactory(projects=[project], study_date=datetime.date(2001, 1, 1))
    new = StudyFactory(
        projects=[project],
        study_date=datetime.date(2024, 2, 29),
        study_time=datetime.time(8),
        modalities_in_study=["CT"],
        number_of_study_related_series=2,
        timezone_offset_from_utc="+0100",
    )
    unknown = StudyFactory(projects=[project])

    page = matches(user=radiologist, query=Query(level=Level.STUDY))

    uids = [match.study_instance_uid for match in page.matches]
    assert uids == [item.study_instance_uid for item in (new, old, unknown)]
    assert page.remaining == 0
    assert page.matches[0].series_instance_uid == ""
    values = values_of(page.matches[0])
    assert values["StudyDate"] == ("20240229",)
    assert values["InstanceAvailability"] == ("ONLINE",)
    assert values["TimezoneOffsetFromUTC"] == ("+0100",)
    assert values["NumberOfStudyRelatedSeries"] == (2,)
    assert values["AccessionNumber"] == ()
    assert "StudyDescription" not in values
    assert "TimezoneOffsetFromUTC" not in values_of(page.matches[1])
    tags = [attribute.tag for attribute, _ in page.matches[0].values]
    assert tags == sorted(tags)


def test_nobody_sees_or_counts_what_lies_outside_their_projects(
    radiologist, colleague, outsider, archive_admin, project, unassigned
):
    StudyFactory(projects=[project])
    StudyFactory(projects=[unassigned])
    query = Query(level=Level.STUDY)

    seen = {
        user.username: len(matches(user=user, query=query).matches)
        for user in (radiologist, colleague, outsider, archive_admin)
    }

    assert seen == {"radiologist": 1, "colleague": 1, "outsider": 0, "archive_admin": 2}
    assert matches(user=AnonymousUser(), query=query).matches == ()


def test_remaining_counts_only_what_the_asker_may_see(radiologist, project, other_project):
    for _ in range(3):
        StudyFactory(projects=[project])
        StudyFactory(projects=[other_project])

    page = matches(user=radiologist, query=Query(level=Level.STUDY, limit=1))

    assert (len(page.matches), page.remaining, page.is_remaining_exact) == (1, 2, True)


def test_paging_gives_each_study_once(radiologist, project):
    # The same date for all: only the tiebreak orders them.
    for _ in range(5):
        StudyFactory(projects=[project], study_date=datetime.date(2024, 1, 1))

    pages = [
        matches(user=radiologist, query=Query(level=Level.STUDY, limit=2, offset=offset))
        for offset in (0, 2, 4, 6)
    ]

    uids = [match.study_instance_uid for page in pages for match in page.matches]
    assert len(uids) == len(set(uids)) == 5
    assert [page.remaining for page in pages] == [3, 1, 0, 0]


def test_limit_zero_gives_nothing_but_the_count(radiologist, project):
    StudyFactory(projects=[project])

    page = matches(user=radiologist, query=Query(level=Level.STUDY, limit=0))

    assert (page.matches, page.remaining) == ((), 1)


def test_counting_and_the_number_of_answers_are_bounded(radiologist, project, monkeypatch):
    monkeypatch.setattr(selectors, "MAX_COUNTED", 2)
    monkeypatch.setitem(selectors.MAX_RESULTS, Level.STUDY, 2)
    for _ in range(6):
        StudyFactory(projects=[project])

    page = matches(user=radiologist, query=Query(level=Level.STUDY))

    assert len(page.matches) == 2
    assert (page.remaining, page.is_remaining_exact) == (2, False)


def test_one_statement_behind_the_memberships_answers_a_page(
    radiologist, project, django_assert_num_queries
):
    for _ in range(20):
        InstanceFactory(series__study=StudyFactory(projects=[project]))

    for level in (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE):
        with django_assert_num_queries(2):
            matches(user=radiologist, query=Query(level=level, is_everything_included=True))
    with django_assert_num_queries(3):
        matches(user=radiologist, query=Query(level=Level.STUDY, limit=5))


def test_series_under_a_study_are_in_order_and_without_the_studys_keys(radiologist, project):
    study = StudyFactory(projects=[project])
    SeriesFactory(study=StudyFactory(projects=[project]))
    numbered = [SeriesFactory(study=study, series_number=number) for number in (None, 3, 1)]

    page = matches(
        user=radiologist,
        query=Query(level=Level.SERIES, study_instance_uid=study.study_instance_uid),
    )

    uids = [match.series_instance_uid for match in page.matches]
    assert uids == [numbered[index].series_instance_uid for index in (2, 1, 0)]
    values = values_of(page.matches[0])
    assert values["StudyInstanceUID"] == (study.study_instance_uid,)
    assert "PatientName" not in values


def test_a_search_across_all_parents_returns_their_keys(radiologist, project):
    instance = InstanceFactory(series__study=StudyFactory(projects=[project]), rows=512)

    (match,) = matches(user=radiologist, query=Query(level=Level.INSTANCE)).matches

    values = values_of(match)
    assert {"PatientID", "StudyDate", "Modality", "SOPClassUID"} <= values.keys()
    assert values["Rows"] == (512,)
    assert "Columns" not in values
    assert match.sop_instance_uid == instance.sop_instance_uid


def test_instances_under_a_series_are_in_order(radiologist, project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    for number in (2, None, 1):
        InstanceFactory(series=series, instance_number=number)

    page = matches(
        user=radiologist,
        query=Query(
            level=Level.INSTANCE,
            study_instance_uid=series.study.study_instance_uid,
            series_instance_uid=series.series_instance_uid,
        ),
    )

    assert [values_of(match)["InstanceNumber"] for match in page.matches] == [(1,), (2,), ()]
    assert "Modality" not in values_of(page.matches[0])


def test_what_was_matched_or_asked_for_is_returned():
    query = Query(
        level=Level.SERIES,
        study_instance_uid="1.2",
        keys=(
            MatchingKey("PatientName", ("x",)),
            MatchingKey("RequestAttributesSequence.RequestedProcedureID", ("1",)),
        ),
        include=frozenset({"StudyDescription", "NoSuchKeyword", "InstanceNumber"}),
    )

    keywords = {attribute.keyword for attribute in returned_attributes(query)}

    assert {"PatientName", "StudyDescription", "RequestAttributesSequence"} <= keywords
    assert not {"NoSuchKeyword", "InstanceNumber", "StudyDate"} & keywords


def test_everything_included_stays_at_the_level_and_above():
    query = Query(level=Level.STUDY, is_everything_included=True)

    keywords = {attribute.keyword for attribute in returned_attributes(query)}

    assert {"StudyDescription", "PatientAge"} <= keywords
    assert "Modality" not in keywords


def test_unsupported_keys_are_named(radiologist, project):
    query = Query(
        level=Level.STUDY, keys=(MatchingKey("Modality", ("CT",)), MatchingKey("Foo", ("1",)))
    )

    assert matches(user=radiologist, query=query).unsupported == ("Modality", "Foo")


def test_a_parent_that_is_no_uid_is_refused(radiologist):
    with pytest.raises(InvalidRequestError):
        matches(user=radiologist, query=Query(level=Level.SERIES, study_instance_uid="a'b"))


def test_patients_are_found_once_however_many_studies_they_have(radiologist, project):
    study = StudyFactory(projects=[project])
    StudyFactory(projects=[project], patient=study.patient)

    page = matches(user=radiologist, query=Query(level=Level.PATIENT))

    (match,) = page.matches
    assert match.study_instance_uid == ""
    assert values_of(match)["PatientID"] == (study.patient.dicom_patient_id,)
