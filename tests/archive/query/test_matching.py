"""Matching keys against rows, at the study level unless a test says otherwise."""

from __future__ import annotations

import datetime

import pytest

from archive.dicom.charsets import fold_name
from archive.errors import InvalidRequestError, LimitExceededError
from archive.query.selectors import count_matches
from archive.query.types import Level, MatchingKey, Query
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def find(archive_admin, project):
    """Answer how many rows match keys given as keyword=value or keyword=[values]."""

    def count(level=Level.STUDY, flags=(), **keys):
        matching = tuple(
            MatchingKey(name.replace("__", "."), (value,) if isinstance(value, str) else (*value,))
            for name, value in keys.items()
        )
        query = Query(level=level, keys=matching, **dict.fromkeys(flags, True))
        return count_matches(user=archive_admin, query=query)

    return count


@pytest.fixture
def study(project):
    return StudyFactory(
        projects=[project],
        study_instance_uid="1.2.3",
        study_date=datetime.date(2024, 2, 29),
        study_time=datetime.time(10, 30, 15),
        accession_number="ACC-1",
        dicom_study_id="7",
        study_description="Thorax, native",
        modalities_in_study=["CT", "SEG"],
        referring_physician_name="Größe^Øle",
        referring_physician_name_search=fold_name("Größe^Øle"),
        patient=named("Yamada^Tarou=山田^太郎=やまだ^たろう", dicom_patient_id="PAT-1"),
    )


def named(name, **fields):
    return PatientFactory(patient_name=name, patient_name_search=fold_name(name), **fields)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"StudyInstanceUID": "1.2.3"}, 1),
        ({"StudyInstanceUID": ["1.2.9", "1.2.3"]}, 1),
        ({"StudyInstanceUID": "1.2.4"}, 0),
        ({"AccessionNumber": "ACC-1"}, 1),
        ({"AccessionNumber": "acc-1"}, 0),
        ({"AccessionNumber": "ACC*"}, 1),
        ({"AccessionNumber": "?CC-1"}, 1),
        ({"AccessionNumber": ["X", "ACC-1"]}, 1),
        ({"PatientID": "PAT-1"}, 1),
        ({"PatientID": "PAT%"}, 0),
        ({"StudyID": "7"}, 1),
        ({"StudyDescription": "Thorax, native"}, 1),
        ({"StudyDescription": "*native"}, 1),
        ({"StudyDescription": "*NATIVE"}, 0),
        ({"ModalitiesInStudy": "CT"}, 1),
        ({"ModalitiesInStudy": ["MR", "SEG"]}, 1),
        ({"ModalitiesInStudy": "S?G"}, 1),
        ({"ModalitiesInStudy": "MR"}, 0),
        ({"AccessionNumber": ""}, 1),
        ({"AccessionNumber": "*"}, 1),
        ({"AccessionNumber": []}, 1),
        ({"InstanceAvailability": "ONLINE"}, 1),
        ({"InstanceAvailability": "OFFLINE"}, 0),
        ({"PatientID": "PAT-1", "AccessionNumber": "ACC-2"}, 0),
    ],
)
def test_identifiers_and_text(study, find, keys, expected):
    assert find(**keys) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240229", 1),
        ("20240101-20240229", 1),
        ("20240229-", 1),
        ("-20240228", 0),
        ("20240301-", 0),
        ("-20240229", 1),
    ],
)
def test_dates(study, find, value, expected):
    assert find(StudyDate=value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("103015", 1), ("10", 1), ("1031", 0), ("1000-1030", 1), ("1031-", 0), ("-1030", 1)],
)
def test_times(study, find, value, expected):
    assert find(StudyTime=value) == expected


@pytest.mark.parametrize(
    ("days", "times", "apart", "as_one"),
    [
        # The study is of 2024-02-29 10:30:15.
        ("20240228-20240301", "1200-0900", 0, 1),
        ("20240229-20240301", "1100-1200", 0, 0),
        ("20240229-20240301", "1030-1029", 0, 1),
        ("20240229-", "1031-", 0, 0),
        ("20240228-", "1031-", 0, 1),
        ("-20240229", "-1029", 0, 0),
        ("-20240301", "-1029", 0, 1),
        ("20240228-", "-1029", 0, 0),
        ("20240229", "1000-1100", 1, 1),
    ],
)
def test_ranges_of_date_and_time_hold_apart_or_as_one(study, find, days, times, apart, as_one):
    assert find(StudyDate=days, StudyTime=times) == apart
    assert find(flags=["is_datetime_combined"], StudyDate=days, StudyTime=times) == as_one


def test_a_range_does_not_match_unknown_dates(find, project):
    StudyFactory(projects=[project], study_date=None)

    assert find(StudyDate="19000101-") == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("yamada^tarou", 1),
        ("YAMADA*", 1),
        ("Yamada^*", 1),
        ("*TAROU", 1),
        ("Tarou*", 0),
        ("山田^太郎", 1),
        ("山田*", 1),
        ("やまだ*", 1),
        ("Y?mada^Tarou", 1),
        ("Yamada^Tarou=山田^太郎", 1),
        ("=山田^*", 1),
        ("==やまだ*", 1),
        ("Yamada*=*=*", 1),
        ("*=田中*", 0),
        ("Yamada^Tarou=田中", 0),
        ("==", 1),
        ("*^太郎", 1),
        # Wildcards end where their group does.
        ("Yamada*太郎", 0),
        ("Yamada^Tarou?山田^太郎", 0),
        ("山田*たろう", 0),
        ("Tarou*山田*", 0),
        ("Tanaka*", 0),
        ("", 1),
    ],
)
def test_names_match_in_all_three_groups(study, find, value, expected):
    assert find(PatientName=value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Adams*", 1), ("ADAMS^JOHN", 1), ("John*", 0), ("*John", 1), ("Adams", 0)],
)
def test_a_name_of_one_group_matches_from_its_beginning(find, project, value, expected):
    StudyFactory(projects=[project], patient=named("Adams^John"))

    assert find(PatientName=value) == expected


@pytest.mark.parametrize(
    "value", ["Grosse^Ole", "GROSSE*", "größe^øle", "Große*".replace("ß", "ss")]
)
def test_names_match_without_accents_and_case(study, find, value):
    # ö folds to o, ß to ss, ø to o.
    assert find(ReferringPhysicianName=value) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tarou", 1),
        ("tar yam", 1),
        ("太郎", 1),
        ("*ama*", 1),
        ("yamata", 1),
        ("tarow jamada", 1),
        ("suzuki", 0),
        ("yamada hanako", 0),
        ("y?mata", 0),
    ],
)
def test_fuzzy_names_match_words_and_what_is_like_them_in_any_order(study, find, value, expected):
    assert find(flags=["is_fuzzy"], PatientName=value) == expected


@pytest.mark.parametrize("value", ["*THORAX*", "thorax*", "*NATIVE", "THORAX, NATIVE", "t?orax*"])
def test_fuzzy_descriptions_ignore_case(study, find, value):
    assert find(flags=["is_fuzzy"], StudyDescription=value) == 1


def test_empty_value_matching_finds_what_is_unknown(study, find, project):
    StudyFactory(projects=[project], accession_number="", study_date=None)

    flags = ["is_empty_value_matching"]
    assert find(flags=flags, AccessionNumber='""') == 1
    assert find(flags=flags, StudyDate='""') == 1
    assert find(flags=flags, ModalitiesInStudy='""') == 1
    assert find(flags=flags, InstanceAvailability='""') == 0
    assert find(AccessionNumber='""') == 0


def test_multiple_value_matching_wants_all_of_them(study, find):
    flags = ["is_multiple_value_matching"]

    assert find(flags=flags, ModalitiesInStudy=["CT", "SEG"]) == 1
    assert find(flags=flags, ModalitiesInStudy=["CT", "MR"]) == 0


def test_series_and_instances_match_their_own_and_their_parents_keys(study, find):
    series = SeriesFactory(
        study=study,
        modality="MR",
        series_number=4,
        performed_procedure_step_start_date=datetime.date(2024, 3, 1),
        performed_procedure_step_start_time=datetime.time(9),
        request_attributes=[{"RequestedProcedureID": "RP1", "ScheduledProcedureStepID": "SPS1"}],
    )
    InstanceFactory(series=series, sop_instance_uid="1.2.3.4", instance_number=12)

    assert find(Level.SERIES, Modality="MR", PatientID="PAT-1", SeriesNumber="4") == 1
    assert find(Level.SERIES, SeriesNumber="04") == 1
    assert find(Level.SERIES, SeriesNumber="5") == 0
    assert find(Level.SERIES, SeriesNumber="99999999999999999999999") == 0
    assert find(Level.SERIES, PerformedProcedureStepStartDate="20240301") == 1
    assert find(Level.SERIES, PerformedProcedureStepStartTime="0900-") == 1
    sequence = "RequestAttributesSequence__"
    assert find(Level.SERIES, **{f"{sequence}RequestedProcedureID": "RP1"}) == 1
    assert find(Level.SERIES, **{f"{sequence}ScheduledProcedureStepID": "RP1"}) == 0
    assert find(Level.SERIES, **{f"{sequence}ScheduledProcedureStepID": "SPS*"}) == 1
    assert find(Level.SERIES, RequestAttributesSequence="RP1") == 1
    assert find(Level.INSTANCE, InstanceNumber="12", Modality="MR", StudyDate="20240229") == 1
    assert find(Level.INSTANCE, SOPInstanceUID=["1.2.3.4", "1.2.3.5"]) == 1
    assert find(Level.INSTANCE, SOPClassUID="1.2.840.10008.5.1.4.1.1.4") == 0


def test_keys_that_are_not_matched_do_not_narrow(study, find):
    assert find(Modality="XX") == 1
    assert find(NoSuchKeyword="x", _connector="OR") == 1


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyInstanceUID", "1.2.x"),
        ("StudyInstanceUID", "1.2.*"),
        ("StudyDate", "yesterday"),
        ("StudyDate", "20240101-20240102-20240103"),
        ("StudyTime", "99"),
        ("PatientID", "a\0b"),
        ("PatientID", "\ud800"),
        ("PatientID", "x" * 513),
        ("PatientName", "*a" * 20),
        ("NumberOfStudyRelatedSeries", "many"),
    ],
)
def test_malformed_values_are_refused(study, find, keyword, value):
    with pytest.raises(InvalidRequestError):
        find(**{keyword: value})


def test_lists_of_values_have_a_limit(find):
    with pytest.raises(LimitExceededError):
        find(StudyInstanceUID=["1.2"] * 5001)
